// SPDX-License-Identifier: Apache-2.0
// The docker provider: pods whose containers are run by a Docker or Podman engine.
import type { Features } from '../../provider/features.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type {
  PodProblem,
  PodProvider,
  ProviderHost,
  ProviderModule,
} from '../../provider/provider.ts'
import { coreFeatures } from '../../runtime/core-features.ts'
import { createRuntimeProvider } from '../../runtime/runtime-provider.ts'
import { volumeProblems } from '../../runtime/volumes/volume-check.ts'
import { podRefusals } from './container/pod-refusals.ts'
import { UserError, VkError } from '../../util/vk-error.ts'
import { parseDockerConfig } from './docker-config.ts'
import { configuredFeatures } from './docker-features.ts'
import { DockerRuntime } from './docker-runtime.ts'
import { connectEngine } from './engine/connect-engine.ts'
import { findEngine } from './engine/engine-endpoint.ts'
import { hostImageProblems } from './images/host-image.ts'

/** Loaded by name when a node's provider is `docker`. */
export const providerModule: ProviderModule = {
  name: 'docker',
  summary: 'Containers of a Docker or Podman engine, here or elsewhere',
  featuresOf(config: unknown): Features {
    return coreFeatures(configuredFeatures(parseDockerConfig(config)))
  },
  problemsOf(pod: Pod, config: unknown): Promise<readonly PodProblem[]> {
    const parsed = parseDockerConfig(config)
    const { hostPathPrefixes } = parsed
    const volumes = volumeProblems(pod, { delivery: 'mount', hostPathPrefixes })
    return Promise.resolve([...hostImageProblems(pod), ...volumes, ...podRefusals(pod, parsed)])
  },
  async create(config: unknown, host: ProviderHost): Promise<PodProvider> {
    const parsed = parseDockerConfig(config)
    const endpoint = await findEngine(parsed)
    const { signal } = new AbortController()
    const engine = await connectEngine(endpoint, { clock: host.clock, signal }).catch(notReached)
    const { kind, version, info } = engine
    host.log.info(
      { engine: kind, version, at: endpoint.where, system: info.OperatingSystem },
      'Engine found',
    )
    return await createRuntimeProvider(
      await DockerRuntime.open(host, { engine, config: parsed }),
      host,
    )
  },
}

/** At start nobody is served yet: whoever starts us is told in one line. */
function notReached(error: unknown): never {
  if (!(error instanceof VkError)) throw error
  const hint =
    'Is it running, and may this user use it? README.md of the provider says how it is found.'
  throw new UserError(error.message, { hint, cause: error })
}
