// SPDX-License-Identifier: Apache-2.0
// Provider `mock`: pods that are only pretended. For trying things out, for tests of everything around
// pods, and for measuring: what one process can do is bounded by the core, not by this.
// It keeps nothing on disk; after a restart the pods' own status in the API says how they were.
import type { PodProvider, ProviderHost, ProviderModule } from '../../provider/provider.ts'
import { featureNames, type Features } from '../../provider/features.ts'
import { parseMockConfig } from './config.ts'
import { MockProvider } from './mock-provider.ts'

// Nothing really runs, so nothing can go wrong with it; only what would change the pod's course counts.
const notPretended = new Set([
  'containerRestartRules',
  'env.fileKeyRef',
  'resources.resize',
  'resources.podLevelResize',
])

/** What the mock pretends to be able to do: nearly everything. */
export const mockFeatures: Features = Object.fromEntries(
  featureNames.map((name) => [name, !notPretended.has(name)]),
)

/** The provider as `--provider mock` finds it. */
export const providerModule: ProviderModule = {
  name: 'mock',
  summary: 'Pretends to run pods: for tests, demonstrations and measurements',
  featuresOf: () => mockFeatures,
  create: (config: unknown, host: ProviderHost): Promise<PodProvider> =>
    Promise.resolve(
      new MockProvider(parseMockConfig(config, host.nodeName), { host, features: mockFeatures }),
    ),
}
