// SPDX-License-Identifier: Apache-2.0
// The process provider: pods whose containers are processes of this host.
import type { PodProvider, ProviderHost, ProviderModule } from '../../provider/provider.ts'
import type { Features } from '../../provider/features.ts'
import { createRuntimeProvider } from '../../runtime/runtime-provider.ts'
import { coreFeatures } from '../../runtime/core-features.ts'
import { parseProcessConfig } from './process-config.ts'
import { featuresOf } from './process-features.ts'
import { ProcessRuntime } from './process-runtime.ts'
import { exploreSurroundings } from './surroundings.ts'

/** Loaded by name when a node's provider is `process`. */
export const providerModule: ProviderModule = {
  name: 'process',
  summary: 'Containers are processes of this host; images name its programs, nothing is pulled',
  featuresOf(config: unknown): Features {
    return coreFeatures(featuresOf(exploreSurroundings(parseProcessConfig(config), '')))
  },
  async create(config: unknown, host: ProviderHost): Promise<PodProvider> {
    const parsed = parseProcessConfig(config)
    const surroundings = exploreSurroundings(parsed, host.rootDir)
    const runtime = await ProcessRuntime.open(host, { config: parsed, surroundings })
    return createRuntimeProvider(runtime, host)
  },
}
