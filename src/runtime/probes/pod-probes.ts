// SPDX-License-Identifier: Apache-2.0
// The probes of one pod: for each that is wanted now a timer or a question under way. A probe belongs to
// one run of its container; with the run its results are over, and an answer that comes later is dropped.
import type { Pod } from '../../kube/types.gen.ts'
import type { PodRef } from '../../provider/provider.ts'
import type { Clock } from '../../util/clock.ts'
import type { WantedProbe } from '../decide/container-health.ts'
import { probeOf, probeTerms, type ProbeResult, type ProbeTerms } from '../decide/probe-terms.ts'
import { afterProbe, firstProbeInMs, newProbe, type ProbeState } from './decide-probe.ts'
import type { ProbeCounts } from './probe-counts.ts'
import { ProbeError } from './probe-order.ts'
import type { ProbeAnswer } from './probe-order.ts'
import type { RunProbe } from './run-probe.ts'

/** What the probes of all pods share. */
export interface ProbeDeps {
  readonly clock: Clock
  readonly run: RunProbe
  readonly counts: ProbeCounts
  /** When this process began to probe, on the wall clock. */
  readonly sinceMs: number
  /** 0…1, a new one with each call. */
  random(): number
}

export interface PodProbesParts {
  readonly ref: PodRef
  /** When the run began that is going on. */
  startedAtMs(container: string): number | undefined
  podIP(): string
  /** Enough results in a row say so; called again as long as they do. */
  verdict(probe: WantedProbe, result: ProbeResult): void
  event(event: { readonly reason: string; readonly message: string }, container: string): void
}

interface ActiveProbe {
  wanted: WantedProbe
  pod: Pod
  readonly terms: ProbeTerms
  readonly lifetime: AbortController
  /** It is asked at once, and was not answered yet. */
  isFirst: boolean
  state: ProbeState
  timer: Disposable | undefined
}

const titles = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const

/** Probes of one pod's containers. */
export class PodProbes {
  readonly #deps: ProbeDeps
  readonly #parts: PodProbesParts
  readonly #active = new Map<string, ActiveProbe>()

  constructor(deps: ProbeDeps, parts: PodProbesParts) {
    this.#deps = deps
    this.#parts = parts
  }

  /** From now on these probes are made and no others. Nothing is called back before it returns. */
  sync(pod: Pod | undefined, wanted: readonly WantedProbe[]): void {
    if (wanted.length === 0 && this.#active.size === 0) return
    const ids = new Set(wanted.map(idOf))
    for (const id of this.#active.keys()) if (!ids.has(id)) this.#end(id)
    if (!pod) return
    for (const probe of wanted) {
      const known = this.#active.get(idOf(probe))
      if (!known) this.#begin(probe, pod)
      else Object.assign(known, { wanted: probe, pod })
    }
  }

  /** Is a probe under way, or about to be, of which the first answer decides what the pod is? */
  get isAnswerDue(): boolean {
    return [...this.#active.values()].some(({ isFirst, wanted }) => isFirst && !wanted.isReady)
  }

  [Symbol.dispose](): void {
    for (const id of this.#active.keys()) this.#end(id)
  }

  #begin(wanted: WantedProbe, pod: Pod): void {
    const probe = probeOf(wanted.spec, wanted.kind)
    const startedAtMs = this.#parts.startedAtMs(wanted.spec.name)
    // The runtime does not list the run yet; with its news comes the next call.
    if (!probe || startedAtMs === undefined) return
    const { clock, sinceMs } = this.#deps
    const nowMs = clock.nowMs()
    const terms = probeTerms(probe)
    // What ran before we did is not asked all at once.
    const isAdopted = startedAtMs < sinceMs && nowMs - sinceMs < terms.periodMs
    const jitter = isAdopted ? this.#deps.random() : undefined
    const delayMs = firstProbeInMs(terms, { startedAtMs, nowMs, jitter })
    const active: ActiveProbe = {
      wanted,
      pod,
      terms,
      lifetime: new AbortController(),
      isFirst: delayMs === 0,
      state: newProbe,
      timer: undefined,
    }
    this.#active.set(idOf(wanted), active)
    this.#plan(active, delayMs)
  }

  #plan(active: ActiveProbe, delayMs: number): void {
    active.timer = this.#deps.clock.setTimer(delayMs, () => void this.#probe(active))
  }

  #end(id: string): void {
    const active = this.#active.get(id)
    active?.timer?.[Symbol.dispose]()
    active?.lifetime.abort()
    this.#active.delete(id)
  }

  /** Never rejects. */
  async #probe(active: ActiveProbe): Promise<void> {
    const { clock } = this.#deps
    const beganAtMs = clock.monotonicMs()
    const answer = await this.#ask(active)
    if (active.lifetime.signal.aborted) return
    active.isFirst = false
    const nowMs = clock.monotonicMs()
    const { wanted, terms } = active
    const { kind, isReady } = wanted
    const result = answer instanceof ProbeError ? undefined : resultOf(answer)
    const outcome = { kind, result, isReady, beganAtMs, nowMs }
    const step = afterProbe(active.state, outcome, terms)
    active.state = step.state
    this.#plan(active, step.nextAtMs - nowMs)
    if (result !== undefined) {
      const of = { pod: this.#parts.ref, container: wanted.spec.name, kind }
      const seconds = (nowMs - beganAtMs) / 1000
      this.#deps.counts.note(of, { isSuccess: result === 'success', seconds })
    }
    if (!step.isEarlyNext) this.#tell(wanted, answer)
    if (step.verdict) this.#parts.verdict(wanted, step.verdict)
  }

  async #ask({ wanted, pod, terms, lifetime }: ActiveProbe): Promise<ProbeAnswer | ProbeError> {
    const { kind, spec, attempt } = wanted
    const probe = probeOf(spec, kind) ?? {}
    const key = { pod: this.#parts.ref, name: spec.name, attempt }
    const podIP = this.#parts.podIP()
    try {
      const order = { key, pod, spec, probe, podIP, timeoutMs: terms.timeoutMs }
      return await this.#deps.run(order, lifetime.signal)
    } catch (error) {
      return error instanceof ProbeError ? error : new ProbeError(String(error))
    }
  }

  #tell({ kind, spec }: WantedProbe, answer: ProbeAnswer | ProbeError): void {
    const title = titles[kind]
    if (answer instanceof ProbeError) {
      const message = `${title} probe errored and resulted in ${answer.state} state: ${answer.message}`
      this.#parts.event({ reason: 'Unhealthy', message }, spec.name)
    } else if (answer.result === 'failure') {
      const message = `${title} probe failed: ${answer.output}`
      this.#parts.event({ reason: 'Unhealthy', message }, spec.name)
    } else if (answer.result === 'warning') {
      const message = `${title} probe warning: ${answer.output}`
      this.#parts.event({ reason: 'ProbeWarning', message }, spec.name)
    }
  }
}

function idOf({ kind, spec, attempt }: WantedProbe): string {
  return `${kind}/${spec.name}/${attempt}`
}

function resultOf({ result }: ProbeAnswer): ProbeResult {
  return result === 'failure' ? 'failure' : 'success'
}
