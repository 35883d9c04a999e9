// SPDX-License-Identifier: Apache-2.0
//
// Which provider the lifecycle scenarios run on: host processes, or containers of the engine that test/docker
// has started. The pods are written for host processes; here they become what the engine needs, and here
// stands in what the two differ. Scenarios ask `provider` for it, and for the reason when a test is skipped.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import type { Container, EnvVar, PodSpec, Volume, VolumeMount } from '../../src/kube/types.gen.ts'

/** `podman` or `docker`; without it, host processes. */
export const ENGINE_VARIABLE = 'VK_E2E_ENGINE'
/** The image that stands for the host's programs. */
export const IMAGE_VARIABLE = 'VK_E2E_IMAGE'
/** A file with the provider's configuration, JSON. */
export const CONFIG_VARIABLE = 'VK_E2E_PROVIDER_CONFIG'

const {
  [ENGINE_VARIABLE]: engine,
  [IMAGE_VARIABLE]: image,
  [CONFIG_VARIABLE]: configFile,
} = process.env
const isOnEngine = engine !== undefined

/** What pods name for the programs of the host. */
export const scenarioImage: string = image ?? 'host'

/** Why a test is skipped; false where it runs. */
type Reason = string | false
const onEngine = (reason: string): Reason => isOnEngine && reason
const onPodman = (reason: string): Reason => engine === 'podman' && reason
const isVersion1 = existsSync('/sys/fs/cgroup/memory')

/** The provider of a scenario's node: what its pods are, and what it cannot do. */
export interface ScenarioProvider {
  readonly name: 'process' | 'docker'
  readonly isOnEngine: boolean
  /** The user of containers that ask for none: the image's, or nobody where root starts processes. */
  readonly podUser: number | undefined
  /** So many times as long everything may take: on a busy machine a container takes seconds to start. */
  readonly patience: number
  readonly without: {
    /** Volumes are not mounted. */
    readonly unmountedVolumes: Reason
    /** Pods are processes of the host. */
    readonly hostProcesses: Reason
    /** Clients can come again to the input of a container. */
    readonly lastingInput: Reason
    /** A container that ran out of memory is known from others that were killed. */
    readonly outOfMemory: Reason
  }
}

export const provider: ScenarioProvider = {
  name: isOnEngine ? 'docker' : 'process',
  isOnEngine,
  podUser: isOnEngine ? 0 : process.getuid?.() === 0 ? 65_534 : process.getuid?.(),
  patience: isOnEngine ? 3 : 1,
  without: {
    unmountedVolumes: onEngine('an engine mounts volumes'),
    hostProcesses: onEngine('is about processes of the host'),
    lastingInput: onPodman("Podman ends a container's input with the first client that leaves"),
    outOfMemory:
      isVersion1 && onPodman('neither Podman nor control groups of version 1 tell afterwards'),
  },
}

/** The provider's configuration for a node; `config` has what both providers know, and `isolation`. */
export function providerConfig(config: Readonly<Record<string, unknown>> = {}): object {
  if (configFile === undefined) return { isolation: 'none', ...config }
  const base = JSON.parse(readFileSync(configFile, 'utf8')) as Readonly<Record<string, unknown>>
  // All that scenarios give to pods lies in the folder for temporary files, which is in `base`.
  const own = Object.entries(config).filter(([key]) => !(key in base) && key !== 'isolation')
  return { ...base, ...Object.fromEntries(own) }
}

/** Host paths that pods need on an engine: shared files, and this Node with its libraries. */
export function scenarioHostPaths(folder: string): readonly string[] {
  return [folder, ...nodeFolders().map((path) => realpathSync(path))]
}

/**
 * The spec as this provider needs it. On an engine, scripts find the folder for temporary files where they
 * expect it, variables name where volumes are, and Node is the host's.
 */
export function onScenarioProvider(spec: Partial<PodSpec>): Partial<PodSpec> {
  if (!isOnEngine) return spec
  const { containers, initContainers, volumes = [] } = spec
  const all = [...(containers ?? []), ...(initContainers ?? [])]
  return {
    ...spec,
    ...(containers && { containers: containers.map(inContainer) }),
    ...(initContainers && { initContainers: initContainers.map(inContainer) }),
    volumes: [
      ...volumes,
      hostVolume('scenario', tmpdir()),
      ...(all.some(isNode) ? nodeFolders().map((path, n) => hostVolume(`node-${n}`, path)) : []),
    ],
  }
}

function inContainer(container: Container): Container {
  const { env = [], volumeMounts = [] } = container
  const mounts: readonly VolumeMount[] = [
    ...volumeMounts,
    { name: 'scenario', mountPath: tmpdir() },
    ...(isNode(container)
      ? nodeFolders().map((mountPath, n) => ({ name: `node-${n}`, mountPath, readOnly: true }))
      : []),
  ]
  return {
    ...container,
    image: container.image === 'host' ? scenarioImage : container.image,
    env: [tokenFolder, ...volumeMounts.map(asVariable), ...env],
    volumeMounts: mounts,
  } as Container
}

const tokenFolder: EnvVar = {
  name: 'VK_SERVICEACCOUNT_DIR',
  value: '/var/run/secrets/kubernetes.io/serviceaccount',
}

/** The process provider names the place of a volume so. */
function asVariable({ name, mountPath }: VolumeMount): EnvVar {
  return { name: `VK_VOLUME_${name.toUpperCase().replaceAll('-', '_')}`, value: mountPath }
}

function hostVolume(name: string, path: string): Volume {
  return { name, hostPath: { path: realpathSync(path) } }
}

function isNode({ command }: Container): boolean {
  return command?.[0] === process.execPath
}

let folders: readonly string[] | undefined

/** Where the Node that runs this lies, and the libraries that it is linked to. */
function nodeFolders(): readonly string[] {
  if (folders !== undefined) return folders
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
  const files = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => file)
  folders = [...new Set([process.execPath, ...files].map((file) => dirname(file)))]
  return folders
}
