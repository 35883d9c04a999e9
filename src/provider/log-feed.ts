// SPDX-License-Identifier: Apache-2.0
// How a backend hands over container output: entries in the order in which they were stored, in
// batches, so that a fast log costs no promise per line.

/** One stored piece of output: a line, or a part of one too long to store whole. */
export interface LogEntry {
  /** When it was written, milliseconds since the epoch; fractions keep the microseconds. */
  readonly timeMs: number
  readonly stream: 'stdout' | 'stderr'
  /**
   * The bytes as written, with the line's `\n` unless this is a part of a longer line. They stay as they
   * are: whoever reads the feed may hold on to them.
   */
  readonly bytes: Uint8Array
}

export interface LogBatch {
  readonly entries: readonly LogEntry[]
  /**
   * The bytes of all entries, one behind the other, where the backend has them so: a log that is wanted as it
   * is goes out without a look at its lines. `entries` may then be made when it is asked for.
   */
  readonly block?: Uint8Array
  /**
   * False for what was stored before the call. A feed that follows hands over its first live batch as
   * soon as it is through with what is stored, empty if need be: a tail is sent then.
   */
  readonly isLive: boolean
}

export interface LogQuery {
  /** The last terminated instance instead of the current one. */
  readonly previous: boolean
  /** Go on until the container ends or the caller leaves. */
  readonly follow: boolean
  /** Hint: of the stored entries no more than the last so many are wanted. */
  readonly tailLines?: number
  /** Hint: older entries are not wanted. */
  readonly sinceMs?: number
}
