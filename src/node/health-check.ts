// SPDX-License-Identifier: Apache-2.0
// Asks the backend again and again whether it is there. Never two questions at once: a backend that
// hangs is asked no second time, counts as unhealthy, and as healthy again when it does answer.
import type { CallContext } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { runLoop } from '../util/run-loop.ts'
import { messageOf, VkError } from '../util/vk-error.ts'
import { singleFlight } from '../util/deadline.ts'

export interface HealthCheckOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Called when the verdict is another than before. */
  readonly onChange: () => void
}

/** Knows whether the backend is healthy; begins to ask at `start`. */
export class HealthCheck implements AsyncDisposable {
  readonly #ask: ReturnType<typeof singleFlight<void>>
  readonly #options: HealthCheckOptions
  readonly #stop = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  #loop: Promise<void> | undefined
  #obstacle: string | undefined

  constructor(ping: (context: CallContext) => Promise<void>, options: HealthCheckOptions) {
    this.#options = options
    this.#ask = singleFlight(async (signal) => await ping({ signal, log: options.log }))
  }

  start(): void {
    const context = { ...this.#options, signal: this.#stop.signal }
    this.#loop ??= runLoop('node-health', () => this.#turn(), context)
  }

  /** Resolves with the first verdict. */
  get whenKnown(): Promise<void> {
    return this.#first.promise
  }

  /** Why the backend is not healthy, or undefined when it is. */
  get obstacle(): string | undefined {
    return this.#obstacle
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new VkError('Unavailable', 'Cannot check the provider: the node has ended'))
    await this.#loop
  }

  async #turn(): Promise<void> {
    const { clock, intervalMs } = this.#options
    const { signal } = this.#stop
    const startMs = clock.monotonicMs()
    const verdict = await this.#judge()
    if (signal.aborted) return
    const hasChanged = verdict !== this.#obstacle
    this.#obstacle = verdict
    this.#first.resolve()
    if (hasChanged) this.#tell(verdict)
    await clock.sleep(Math.max(0, startMs + intervalMs - clock.monotonicMs()), { signal })
  }

  async #judge(): Promise<string | undefined> {
    const { clock, timeoutMs } = this.#options
    const message = `provider did not answer its health check for ${timeoutMs / 1000}s`
    try {
      await this.#ask({ clock, timeoutMs, message, signal: this.#stop.signal })
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

  #tell(obstacle: string | undefined): void {
    const { log, onChange } = this.#options
    if (obstacle === undefined) log.info({}, 'Provider is healthy again')
    else log.warn({ reason: obstacle }, 'Provider is not healthy')
    onChange()
  }
}
