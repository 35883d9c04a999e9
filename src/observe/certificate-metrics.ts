// SPDX-License-Identifier: Apache-2.0
// Certificates that nodes get from the cluster and renew, under a kubelet's names. These have no label for
// the node: of several in a process the one that runs out first is told.
import { Counter, Gauge, Histogram } from 'prom-client'
import type { Registry } from 'prom-client'

export type CertificateKind = 'client' | 'serving'

const hour = 3600
const day = 24 * hour
/** Seconds. */
const lifetimes = [60, hour, 4 * hour, day, 7 * day, 30 * day, 90 * day, 180 * day, 360 * day]

/** What is known of the certificates of this process. */
export class CertificateMetrics {
  readonly #left: Readonly<Record<CertificateKind, Set<() => number>>> = {
    client: new Set(),
    serving: new Set(),
  }
  readonly #failures: Readonly<Record<CertificateKind, Counter>>
  readonly #servingLifetime: Histogram

  constructor(registry: Registry) {
    const registers = [registry]
    const failures = (name: string): Counter =>
      new Counter({ name, help: '[ALPHA] Counter of certificate renewal errors.', registers })
    this.#failures = {
      client: failures('kubelet_certificate_manager_client_expiration_renew_errors'),
      serving: failures('kubelet_server_expiration_renew_errors'),
    }
    this.#servingLifetime = new Histogram({
      name: 'kubelet_certificate_manager_server_rotation_seconds',
      help: '[ALPHA] Histogram of the number of seconds the previous certificate lived before being rotated.',
      buckets: [...lifetimes, 1440 * day],
      registers,
    })
    const names = {
      client: 'kubelet_certificate_manager_client_ttl_seconds',
      serving: 'kubelet_certificate_manager_server_ttl_seconds',
    }
    for (const kind of ['client', 'serving'] as const) {
      const left = this.#left[kind]
      const certificate = `the Kubelet's ${kind} certificate`
      const gauge = new Gauge({
        name: names[kind],
        help: `[ALPHA] Gauge of the shortest TTL (time-to-live) of ${certificate}, in seconds; +Inf where there is none.`,
        registers: [],
        collect() {
          this.set(Math.trunc(Math.min(Infinity, ...[...left].map((secondsOf) => secondsOf()))))
        },
      })
      registry.registerMetric(gauge)
    }
  }

  /** Counts a certificate in until the result is disposed of; `secondsLeft` is Infinity while there is none. */
  track(kind: CertificateKind, secondsLeft: () => number): Disposable {
    const entry = (): number => secondsLeft()
    this.#left[kind].add(entry)
    return { [Symbol.dispose]: () => void this.#left[kind].delete(entry) }
  }

  /** One took the place of another that was this old. */
  renewed(kind: CertificateKind, ageSeconds: number): void {
    if (kind === 'serving') this.#servingLifetime.observe(ageSeconds)
  }

  failed(kind: CertificateKind): void {
    this.#failures[kind].inc()
  }
}
