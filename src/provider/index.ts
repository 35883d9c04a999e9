// SPDX-License-Identifier: Apache-2.0
// Public surface `virtual-kubelet/provider`: what the author of a provider for whole pods needs.
export type * from '../kube/types.gen.ts'
export type { RecordedEvent } from '../kube/event-recorder.ts'
export type { Clock } from '../util/clock.ts'
export type { Logger } from '../util/logger.ts'
export { UserError, VkError } from '../util/vk-error.ts'
export type { VkErrorCode, VkErrorOptions } from '../util/vk-error.ts'
export { featureNames } from './features.ts'
export type { FeatureName, Features, Support } from './features.ts'
export type { LogBatch, LogEntry, LogQuery } from './log-feed.ts'
export type * from './provider.ts'
export type * from './stats.ts'
export type * from './streams.ts'
