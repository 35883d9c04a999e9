// SPDX-License-Identifier: Apache-2.0
//
// Which provider the lifecycle scenarios run on: host processes, or containers of the engine that test/docker
// has started. The pods are written for host processes; here they become what the engine needs.
import { tmpdir } from 'node:os'
import type { Container, PodSpec } from '../../src/kube/types.gen.ts'

/** `process`, or `docker`. */
export const PROVIDER_VARIABLE = 'VK_E2E_PROVIDER'
/** The image that stands for the host's programs. */
export const IMAGE_VARIABLE = 'VK_E2E_IMAGE'
/** A file with the provider's configuration. */
export const CONFIG_VARIABLE = 'VK_E2E_PROVIDER_CONFIG'

/** What pods name for the programs of the host. */
export const scenarioImage: string = process.env[IMAGE_VARIABLE] ?? 'host'

const { [IMAGE_VARIABLE]: image, [CONFIG_VARIABLE]: configFile } = process.env

/** The provider of a scenario's node. */
export const scenarioProvider: string = process.env[PROVIDER_VARIABLE] ?? 'process'

/** Flags that choose it. */
export const providerFlags: readonly string[] = [
  '--provider',
  scenarioProvider,
  ...(configFile === undefined ? [] : ['--provider-config', configFile]),
]

/** The spec as this provider needs it. Scripts find the folder for temporary files where they expect it. */
export function onScenarioProvider(spec: Partial<PodSpec>): Partial<PodSpec> {
  if (image === undefined) return spec
  const { containers, initContainers, volumes = [] } = spec
  return {
    ...spec,
    ...(containers && { containers: containers.map(inContainer) }),
    ...(initContainers && { initContainers: initContainers.map(inContainer) }),
    volumes: [...volumes, { name: 'scenario', hostPath: { path: tmpdir() } }],
  }
}

function inContainer(container: Container): Container {
  const path = tmpdir()
  return {
    ...container,
    image: container.image === 'host' ? (image ?? '') : container.image,
    volumeMounts: [...(container.volumeMounts ?? []), { name: 'scenario', mountPath: path }],
  } as Container
}
