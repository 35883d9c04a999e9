// SPDX-License-Identifier: Apache-2.0
// A bound on how long a runtime may take over one call: a backend that hangs must not hold up a pod's end.
import type { Clock } from '../util/clock.ts'
import { VkError } from '../util/vk-error.ts'

/** Settles as the call does, or rejects with Timeout; the call's own signal aborts then, too. */
export async function withLimit<T>(
  call: (signal: AbortSignal) => Promise<T>,
  options: {
    readonly clock: Clock
    readonly limitMs: number
    readonly what: string
    readonly signal: AbortSignal
  },
): Promise<T> {
  const { clock, limitMs, what, signal } = options
  const limit = new AbortController()
  const { promise, reject } = Promise.withResolvers<never>()
  using _timer = clock.setTimer(limitMs, () => {
    const error = new VkError('Timeout', `Cannot ${what}: no answer for ${limitMs / 1000} s`)
    limit.abort(error)
    reject(error)
  })
  return await Promise.race([call(AbortSignal.any([signal, limit.signal])), promise])
}
