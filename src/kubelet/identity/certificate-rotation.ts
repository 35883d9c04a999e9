// SPDX-License-Identifier: Apache-2.0
// One certificate that is asked for, kept and renewed for as long as the node lives. It is due when
// there is none, when it lacks a name that the node has, or when most of its life is over; whatever
// goes wrong is said in the log and tried again.
import type { KubeClient } from '../../kube/kube-client.ts'
import { expiryOf, startOf } from '../../kube/pem.ts'
import { Alarm } from '../../node/alarm.ts'
import type { CertificateKind } from '../../observe/certificate-metrics.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { backoffMs } from '../../util/backoff.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { runLoop } from '../../util/run-loop.ts'
import { codeOf, messageOf, VkError } from '../../util/vk-error.ts'
import type { KeyPair } from '../tls/tls-material.ts'
import type { CertificateStore } from './certificate-store.ts'
import { fulfils } from './certificate-wish.ts'
import type { CertificateWish } from './certificate-wish.ts'
import { requestCertificate } from './request-certificate.ts'
import { rotationDeadlineMs } from './rotation-deadline.ts'

export interface RotationOptions {
  /** For messages and metrics. */
  readonly name: CertificateKind
  readonly store: CertificateStore
  /** What the certificate shall say now; undefined while that is not known. */
  readonly wish: () => CertificateWish | undefined
  /** Whose requests these are; disposed of by its owner. */
  readonly client: () => KubeClient | Promise<KubeClient>
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics | undefined
  /** Chance, 0 to 1; for tests. */
  readonly random?: () => number
}

const backoff = { baseMs: 2000, factor: 2, capMs: 32_000, jitter: 0.1 }
/** A refused request is somebody's decision; asking again at once would only annoy them. */
const refusedPauseMs = 10 * 60_000
/** A new certificate is kept so long at least, even where the signer's clock is far from ours. */
const minLifeMs = 60_000
/** The deadline is looked at again so often, for clocks jump and machines sleep. */
const maxSleepMs = 60 * 60_000

/** Renews a certificate from `start` until disposed of. */
export class CertificateRotation implements AsyncDisposable {
  readonly #options: RotationOptions
  readonly #alarm: Alarm
  readonly #stop = new AbortController()
  readonly #listeners = new Set<(pair: KeyPair) => void>()
  #pair: KeyPair | undefined
  #deadlineMs = 0
  #failures = 0
  #waitsFor: { readonly wish: string; readonly cancel: AbortController } | undefined
  #loop: Promise<void> | undefined
  readonly #tracked: Disposable | undefined

  /** Reads the kept certificate. */
  static async open(options: RotationOptions): Promise<CertificateRotation> {
    return new CertificateRotation(options, await options.store.current(options.clock.nowMs()))
  }

  private constructor(options: RotationOptions, pair: KeyPair | undefined) {
    this.#options = options
    this.#alarm = new Alarm(options.clock)
    this.#accept(pair)
    this.#tracked = options.metrics?.certificates.track(options.name, () =>
      this.#pair ? (expiryOf(this.#pair.cert) - options.clock.nowMs()) / 1000 : Infinity,
    )
  }

  current(): KeyPair | undefined {
    return this.#pair
  }

  /** Calls `changed` after `current` began to answer something new. */
  onChange(changed: (pair: KeyPair) => void): Disposable {
    const entry = (pair: KeyPair): void => changed(pair)
    this.#listeners.add(entry)
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) }
  }

  start(): void {
    const { clock, log, name } = this.#options
    const context = { clock, log, signal: this.#stop.signal }
    this.#loop ??= runLoop(`${name}-certificate`, () => this.#turn(), context)
  }

  /** The wish may be another: an open request for the old one is given up. */
  wake(): void {
    const { wish } = this.#options
    if (this.#waitsFor && this.#waitsFor.wish !== JSON.stringify(wish())) {
      this.#waitsFor.cancel.abort(new VkError('Conflict', 'the node has other addresses now'))
    }
    this.#alarm.ring()
  }

  /** The certificate there is, else the first one, however long it takes to get it; before `start`. */
  async first(signal: AbortSignal): Promise<KeyPair> {
    while (!this.#pair) await this.#turn(AbortSignal.any([signal, this.#stop.signal]))
    return this.#pair
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(
      new VkError('Unavailable', 'Cannot go on with certificates: the node has ended'),
    )
    this.#tracked?.[Symbol.dispose]()
    await this.#loop
  }

  async #turn(signal: AbortSignal = this.#stop.signal): Promise<void> {
    const { clock, wish } = this.#options
    const wanted = wish()
    if (!wanted) return await this.#alarm.sleep(maxSleepMs, signal)
    const dueInMs = this.#dueInMs(wanted)
    if (dueInMs > 0) return await this.#alarm.sleep(Math.min(dueInMs, maxSleepMs), signal)
    const pauseMs = await this.#renew(wanted, signal)
    if (pauseMs > 0) await clock.sleep(pauseMs, { signal })
  }

  #dueInMs(wish: CertificateWish): number {
    if (!this.#pair || !fulfils(this.#pair.cert, wish)) return 0
    return this.#deadlineMs - this.#options.clock.nowMs()
  }

  /** Asks for a certificate; milliseconds to wait before the next try. */
  async #renew(wish: CertificateWish, signal: AbortSignal): Promise<number> {
    const { client, clock, log, metrics, name, random, store } = this.#options
    const cancel = new AbortController()
    this.#waitsFor = { wish: JSON.stringify(wish), cancel }
    try {
      const keyPem = await store.pendingKey()
      const cert = await requestCertificate(await client(), {
        wish,
        keyPem,
        clock,
        log,
        signal: AbortSignal.any([signal, cancel.signal]),
      })
      const pair = { cert, key: keyPem }
      await store.keep(pair)
      this.#failures = 0
      if (this.#pair) metrics?.certificates.renewed(name, ageSeconds(this.#pair, clock))
      this.#accept(pair)
      this.#deadlineMs = Math.max(this.#deadlineMs, clock.nowMs() + minLifeMs)
      const until = new Date(this.#deadlineMs).toISOString()
      log.info({ renewedAt: until }, `Got a new ${name} certificate`)
      for (const changed of this.#listeners) changed(pair)
      return 0
    } catch (error) {
      signal.throwIfAborted()
      if (cancel.signal.aborted) return 0
      metrics?.certificates.failed(name)
      log.warn({ error: messageOf(error) }, `Cannot get a new ${name} certificate yet`)
      if (codeOf(error) !== 'Invalid') return backoffMs(++this.#failures, backoff, random)
      await store.dropPendingKey()
      return refusedPauseMs
    } finally {
      this.#waitsFor = undefined
    }
  }

  #accept(pair: KeyPair | undefined): void {
    const { random = Math.random } = this.#options
    this.#pair = pair
    if (pair) this.#deadlineMs = rotationDeadlineMs(pair.cert, random())
  }
}

function ageSeconds({ cert }: KeyPair, clock: Clock): number {
  return (clock.nowMs() - startOf(cert)) / 1000
}
