// SPDX-License-Identifier: Apache-2.0
// How the probes of one node went, counted from a container's first probe until its pod is gone.
import { probeSecondsBounds, type ProbeStats } from '../../provider/stats.ts'
import type { PodRef } from '../../provider/provider.ts'
import type { ProbeKind } from '../decide/probe-terms.ts'

interface Counts {
  readonly podRef: PodRef
  readonly container: string
  readonly kind: ProbeKind
  successes: number
  failures: number
  seconds: number
  readonly buckets: number[]
}

/** Counts of probes, by pod, container and kind. */
export class ProbeCounts {
  readonly #byPod = new Map<string, Map<string, Counts>>()

  /** Notes one probe that had a result. */
  note(
    probe: { readonly pod: PodRef; readonly container: string; readonly kind: ProbeKind },
    { isSuccess, seconds }: { readonly isSuccess: boolean; readonly seconds: number },
  ): void {
    const counts = this.#of(probe)
    if (!isSuccess) {
      counts.failures += 1
      return
    }
    counts.successes += 1
    counts.seconds += seconds
    const index = probeSecondsBounds.findIndex((bound) => seconds <= bound)
    if (index !== -1) counts.buckets[index] = (counts.buckets[index] ?? 0) + 1
  }

  /** The pod's probes are over for good. */
  forget({ uid }: PodRef): void {
    this.#byPod.delete(uid)
  }

  stats(): readonly ProbeStats[] {
    return [...this.#byPod.values()].flatMap((counts) => [...counts.values()])
  }

  #of({
    pod,
    container,
    kind,
  }: {
    readonly pod: PodRef
    readonly container: string
    readonly kind: ProbeKind
  }): Counts {
    const ofPod = this.#byPod.get(pod.uid) ?? new Map<string, Counts>()
    this.#byPod.set(pod.uid, ofPod)
    const id = `${container}/${kind}`
    const known = ofPod.get(id)
    if (known) return known
    const buckets = probeSecondsBounds.map(() => 0)
    const counts = { podRef: pod, container, kind, successes: 0, failures: 0, seconds: 0, buckets }
    ofPod.set(id, counts)
    return counts
  }
}
