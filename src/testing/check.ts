// SPDX-License-Identifier: Apache-2.0
// The shape of one check of the conformance kit. A check speaks to the provider only through its
// fixture, and fails by throwing.
import type { FeatureName } from '../provider/features.ts'
import type { ConformanceOptions } from './conformance-options.ts'
import type { ProviderFixture } from './provider-fixture.ts'

/** One thing that a provider must do. */
export interface Check {
  /** Completes `<name>: `. */
  readonly title: string
  /** Features without which there is nothing to check. */
  readonly needs?: readonly FeatureName[]
  /** The optional workload that it uses. */
  readonly needsWorkload?: 'printing' | 'stubborn' | 'shell' | 'echoing' | 'listening'
  /** The optional method of the provider that it is about. */
  readonly needsMethod?: 'exec' | 'attach' | 'portForward'
  run(fixture: ProviderFixture, options: ConformanceOptions): Promise<void>
}
