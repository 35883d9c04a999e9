// SPDX-License-Identifier: Apache-2.0
// Time limits and bounds of exec, attach and port-forward; the defaults are the kubelet's.
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import type { StreamQuota } from './stream-quota.ts'

export interface StreamLimits {
  /** A connection on which nothing moves ends. */
  readonly idleTimeoutMs: number
  /** So long a client may take to open the streams it asked for. */
  readonly creationTimeoutMs: number
  /** Connections of one caller at a time. */
  readonly maxPerCaller: number
}

export const defaultStreamLimits: StreamLimits = {
  idleTimeoutMs: 4 * 60 * 60 * 1000,
  creationTimeoutMs: 30_000,
  maxPerCaller: 800,
}

/** What the streaming routes of one node share. */
export interface StreamingDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly limits: StreamLimits
  readonly quota: StreamQuota
}
