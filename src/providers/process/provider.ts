// SPDX-License-Identifier: Apache-2.0
// The process provider: pods whose containers are processes of this host.
import type { PodProvider, ProviderHost, ProviderModule } from '../../provider/provider.ts'
import type { Features } from '../../provider/features.ts'
import { createRuntimeProvider } from '../../runtime/runtime-provider.ts'
import { coreFeatures } from '../../runtime/core-features.ts'
import { parseProcessConfig } from './process-config.ts'
import { processFeatures } from './process-features.ts'
import { ProcessRuntime } from './process-runtime.ts'
import { exploreSurroundings } from './surroundings.ts'
import type { Surroundings } from './surroundings.ts'

/** Loaded by name when a node's provider is `process`. */
export const providerModule: ProviderModule = {
  name: 'process',
  summary: 'Containers are processes of this host; images name its programs, nothing is pulled',
  featuresOf(config: unknown): Features {
    parseProcessConfig(config)
    return coreFeatures(processFeatures)
  },
  async create(config: unknown, host: ProviderHost): Promise<PodProvider> {
    const parsed = parseProcessConfig(config)
    const surroundings = exploreSurroundings(parsed, host.rootDir)
    describeSurroundings(surroundings, host)
    const runtime = await ProcessRuntime.open(host, { config: parsed, surroundings })
    return createRuntimeProvider(runtime, host)
  },
}

function describeSurroundings(surroundings: Surroundings, { log }: ProviderHost): void {
  const { cgroups, canHide, own, strayDescriptors, tools } = surroundings
  log.info(
    {
      user: own.uid,
      limits: cgroups?.can ?? 'none: no writable control groups',
      hidesRootDir: canHide,
      switchesUsers: own.uid === 0,
    },
    'Processes run on this host',
  )
  if (strayDescriptors.length > 0 && tools.bash === undefined) {
    log.warn(
      { descriptors: strayDescriptors },
      'virtual-kubelet was started with open descriptors, which containers inherit',
    )
  }
}
