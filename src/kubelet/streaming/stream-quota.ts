// SPDX-License-Identifier: Apache-2.0
// How many streaming connections one caller may hold at a time. All users of a cluster come through the
// API server, which is one caller; the bound is there for the others, and as a last net.

import type { TextAnswer } from '../text-response.ts'

/** Answered to a caller who has no more. */
export const tooManyStreams: TextAnswer = { status: 429, text: 'too many streaming connections' }

/** Counts connections by caller. */
export class StreamQuota {
  readonly #maxPerCaller: number
  readonly #counts = new Map<string, number>()

  constructor(maxPerCaller: number) {
    this.#maxPerCaller = maxPerCaller
  }

  /** A place for as long as it is not disposed; undefined when the caller has no more. */
  take(caller: string): Disposable | undefined {
    const count = this.#counts.get(caller) ?? 0
    if (count >= this.#maxPerCaller) return undefined
    this.#counts.set(caller, count + 1)
    return new Place(() => {
      const now = (this.#counts.get(caller) ?? 1) - 1
      if (now > 0) this.#counts.set(caller, now)
      else this.#counts.delete(caller)
    })
  }
}

class Place implements Disposable {
  #giveBack: (() => void) | undefined

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack
  }

  [Symbol.dispose](): void {
    this.#giveBack?.()
    this.#giveBack = undefined
  }
}
