// SPDX-License-Identifier: Apache-2.0
// Public surface `virtual-kubelet/runtime`: what the author of a backend for single containers needs. The
// types that both contracts share are in `virtual-kubelet/provider`.
export type * from './container-runtime.ts'
export { followOutput } from './follow-output.ts'
export type { FollowOptions } from './follow-output.ts'
export { createRuntimeProvider } from './runtime-provider.ts'
export type { RuntimeProviderOptions } from './runtime-provider.ts'
