// SPDX-License-Identifier: Apache-2.0
// Waiting for a reader that is slower than its writer.
import type { Writable } from 'node:stream'

/** Calls back when a stream has taken what waits in it, or is gone; leaves no listener behind, however often. */
export function onceWritable(stream: Writable, go: () => void): void {
  if (stream.destroyed || !stream.writableNeedDrain) return go()
  const done = (): void => {
    stream.off('drain', done).off('close', done).off('error', done)
    go()
  }
  stream.on('drain', done).on('close', done).on('error', done)
}
