// SPDX-License-Identifier: Apache-2.0
// Calls that may hang: given up after a while, and never made twice at once.
import type { Clock } from './clock.ts'
import { VkError } from './vk-error.ts'

export interface DeadlineOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Ends the wait as well, with its reason. */
  readonly signal?: AbortSignal
  /** Message of the Timeout error. */
  readonly message: string
}

/**
 * Settles with `call`, or rejects when time is up or the signal aborts. The call is told by its signal;
 * one that does not listen is left behind.
 */
export async function withDeadline<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, timeoutMs, signal, message }: DeadlineOptions,
): Promise<T> {
  signal?.throwIfAborted()
  const ended = Promise.withResolvers<never>()
  const controller = new AbortController()
  const end = (reason: unknown): void => {
    ended.reject(reason)
    controller.abort(reason)
  }
  const onAbort = (): void => end(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  using _timer = clock.setTimer(timeoutMs, () => end(new VkError('Timeout', message)))
  try {
    return await Promise.race([call(controller.signal), ended.promise])
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/**
 * Makes `call` single-flight: who asks while it runs gets the same answer. The asker waits until its
 * deadline; the call itself is told to stop then, and as long as it does not stop no other is made.
 */
export function singleFlight<T>(
  call: (signal: AbortSignal) => Promise<T>,
): (options: DeadlineOptions) => Promise<T> {
  let flight: { readonly answer: Promise<T>; readonly stop: AbortController } | undefined
  return (options) =>
    withDeadline(async (signal) => {
      flight ??= takeOff()
      const { answer, stop } = flight
      signal.addEventListener('abort', () => stop.abort(signal.reason), { once: true })
      return await answer
    }, options)

  function takeOff(): { answer: Promise<T>; stop: AbortController } {
    const stop = new AbortController()
    const answer = call(stop.signal).finally(() => {
      flight = undefined
    })
    answer.catch(() => {
      // Whoever waits for the answer hears of it; after a deadline nobody does.
    })
    return { answer, stop }
  }
}
