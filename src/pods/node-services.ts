// SPDX-License-Identifier: Apache-2.0
// The services of the cluster, for the variables that containers get of them. A node may read all
// services (never all secrets), so this is one watch for everything, opened when the first pod needs it.
import { Informer } from '../kube/informer.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import { services } from '../kube/resources.ts'
import type { Service } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { timeLimit } from './time-limit.ts'

export interface NodeServicesOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics | undefined
  /** How long a reader waits for the first list; default 10 s. */
  readonly waitMs?: number
}

/** Services by namespace, read when first asked for. */
export class NodeServices implements AsyncDisposable {
  readonly #informer: Informer<Service>
  readonly #clock: Clock
  readonly #waitMs: number
  readonly #byNamespace = new Map<string, Map<string, Service>>()
  #isStarted = false

  constructor(client: KubeClient, { clock, log, metrics, waitMs = 10_000 }: NodeServicesOptions) {
    this.#clock = clock
    this.#waitMs = waitMs
    this.#informer = new Informer(client, services, {
      clock,
      log,
      ...(metrics && { metrics }),
      transform: withoutStatus,
    })
    this.#informer.onChange(({ type, object }) => {
      const { namespace, name } = object.metadata
      const inNamespace = this.#byNamespace.get(namespace) ?? new Map<string, Service>()
      if (type === 'deleted') inNamespace.delete(name)
      else inNamespace.set(name, object)
      this.#byNamespace.set(namespace, inNamespace)
    })
  }

  /** Services of the namespace, and `default/kubernetes`. Rejects when they cannot be read in time. */
  async forNamespace(namespace: string): Promise<readonly Service[]> {
    if (!this.#isStarted) {
      this.#isStarted = true
      this.#informer.start()
    }
    if (!this.#informer.hasSynced) await this.#firstSync()
    const found = [...(this.#byNamespace.get(namespace)?.values() ?? [])]
    const kubernetes = this.#byNamespace.get('default')?.get('kubernetes')
    return kubernetes && namespace !== 'default' ? [...found, kubernetes] : found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#informer[Symbol.asyncDispose]()
  }

  async #firstSync(): Promise<void> {
    const message = 'Cannot list services: no answer from the API server yet'
    using limit = timeLimit(this.#clock, { afterMs: this.#waitMs, message })
    await this.#informer.whenSynced(limit.signal)
  }
}

function withoutStatus(service: Service): Service {
  const { namespace, name, uid, resourceVersion } = service.metadata
  const { spec } = service
  return {
    metadata: { namespace, name, uid, ...(resourceVersion && { resourceVersion }) },
    ...(spec && { spec }),
  }
}
