// SPDX-License-Identifier: Apache-2.0
// How many status writes may be under way at once: no rate limit of our own, but a window that the
// API server controls. Each refusal for overload (429, 503) halves it, each success widens it a little.

/** Additive increase, multiplicative decrease between 1 and a ceiling. */
export class WriteWindow {
  readonly #ceiling: number
  #size: number
  #inFlight = 0
  #shrunkAtMs = -Infinity

  constructor(ceiling: number) {
    this.#ceiling = ceiling
    this.#size = ceiling
  }

  /** Writes allowed at once now. */
  get size(): number {
    return Math.floor(this.#size)
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Takes a place, when there is one. */
  tryEnter(): boolean {
    if (this.#inFlight >= this.size) return false
    this.#inFlight++
    return true
  }

  /** Gives the place back after the server took the write, or refused it for its content. */
  leave(): void {
    this.#inFlight--
    this.#size = Math.min(this.#ceiling, this.#size + 1 / this.#size)
  }

  /**
   * Gives the place back after the server said that it is overloaded. Refusals that come together
   * count once.
   */
  leaveOverloaded(nowMs: number): void {
    this.#inFlight--
    if (nowMs - this.#shrunkAtMs < 1000) return
    this.#shrunkAtMs = nowMs
    this.#size = Math.max(1, this.#size / 2)
  }
}
