// SPDX-License-Identifier: Apache-2.0
// Ends the pods of a node that shuts down: all at once with their own grace, or group by group as a plan
// says. It only names whose turn it is; the workers end the pods and tell here when they have looked at one.
import type { Pod } from '../kube/types.gen.ts'
import type { Clock } from '../util/clock.ts'
import { mayRun } from './decide-pod.ts'
import type { PodRecord } from './known-pod.ts'
import {
  groupOf,
  shutdownGraceSeconds,
  type ShutdownOrder,
  type ShutdownPlan,
} from './shutdown-plan.ts'

export interface PodDrainOptions {
  readonly clock: Clock
  /** Left out: all pods at once, each with its own grace. */
  readonly plan?: ShutdownPlan | undefined
  readonly records: () => Iterable<PodRecord>
  readonly wake: (uid: string) => void
  /** Has the API heard of the end of every pod? */
  readonly isOver: () => boolean
}

/** One shutdown of one node. */
export class PodDrain {
  readonly #options: PodDrainOptions
  #turn = 0
  #check: (() => void) | undefined

  constructor(options: PodDrainOptions) {
    this.#options = options
  }

  orderFor(pod: Pod): ShutdownOrder {
    const { plan } = this.#options
    const index = plan ? groupOf(pod, plan) : 0
    const group = plan?.[index]
    if (index > this.#turn) return 'later'
    const own = pod.spec.terminationGracePeriodSeconds ?? 30
    return { graceSeconds: group ? shutdownGraceSeconds(pod, group) : own }
  }

  /** A worker has looked at a pod. */
  looked(): void {
    this.#check?.()
  }

  /** Resolves when all pods have ended and the API knows, or when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { plan = [], records, wake, isOver } = this.#options
    // Pods that nothing runs of are published as ended at once, whatever their turn is.
    for (const { ref } of records()) wake(ref.uid)
    for (const [index, group] of plan.entries()) {
      this.#turn = index
      if (this.#isThrough(index)) continue
      for (const { ref } of records()) wake(ref.uid)
      await this.#until(() => this.#isThrough(index), { signal, limitMs: group.seconds * 1000 })
    }
    await this.#until(isOver, { signal })
  }

  #isThrough(index: number): boolean {
    const { plan = [], records } = this.#options
    for (const record of records()) {
      if (record.api && mayRun(record) && groupOf(record.api, plan) === index) return false
    }
    return true
  }

  async #until(
    isSo: () => boolean,
    { signal, limitMs }: { readonly signal: AbortSignal; readonly limitMs?: number },
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const check = (): void => {
      if (signal.aborted || isSo()) resolve()
    }
    const timer = limitMs === undefined ? undefined : this.#options.clock.setTimer(limitMs, resolve)
    this.#check = check
    signal.addEventListener('abort', check, { once: true })
    check()
    await promise
    signal.removeEventListener('abort', check)
    timer?.[Symbol.dispose]()
    this.#check = undefined
  }
}
