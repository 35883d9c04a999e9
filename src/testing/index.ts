// SPDX-License-Identifier: Apache-2.0
// Public surface `virtual-kubelet/testing`: what the author of a provider tests it with.
export type { ConformanceOptions, Workload, Workloads } from './conformance-options.ts'
export { providerConformance } from './provider-conformance.ts'
export { FakeClock } from '../util/fake-clock.ts'
