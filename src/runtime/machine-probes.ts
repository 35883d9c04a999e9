// SPDX-License-Identifier: Apache-2.0
// The probes of one pod machine: which are made follows from the ledger, and verdicts go there.
import { containerHealth, verdictsAfter, wantedProbes } from './decide/container-health.ts'
import type { ContainerHealth } from './decide/pod-state.ts'
import type { MachineDeps } from './machine-deps.ts'
import type { PodLedger } from './pod-ledger.ts'
import { PodProbes } from './probes/pod-probes.ts'

/** What is asked of one pod's containers, and what came of it. */
export class MachineProbes {
  readonly #ledger: PodLedger
  readonly #probes: PodProbes

  constructor(
    deps: MachineDeps,
    { ledger, wake }: { readonly ledger: PodLedger; readonly wake: () => void },
  ) {
    const { ref } = ledger.record
    this.#ledger = ledger
    this.#probes = new PodProbes(deps.probes, {
      ref,
      startedAtMs: (name) => ledger.currentRun(name)?.state.startedAtMs,
      podIP: () => ledger.record.podIPs[0] ?? '',
      verdict: ({ spec, kind, attempt, isReady }, result) => {
        if (kind === 'readiness' && isReady === (result === 'success')) return
        const key = { pod: ref, name: spec.name, attempt }
        if (ledger.noteVerdict(key, verdictsAfter(spec, kind, result))) wake()
      },
      event: (event, name) => deps.host.recordEvent(ref, { type: 'Warning', ...event }, name),
    })
  }

  /** By container, of those that have probes and run. */
  get health(): ReadonlyMap<string, ContainerHealth> {
    const { pod, containers } = this.#ledger.record
    return containerHealth(pod, containers)
  }

  /** Containers that were just started are asked for the first time now. */
  get isAnswerDue(): boolean {
    return this.#probes.isAnswerDue
  }

  /** Something has changed: begins what is wanted now and ends the rest. */
  sync(): void {
    const { pod, containers, ending } = this.#ledger.record
    const isEnding = ending !== undefined || pod?.metadata.deletionTimestamp !== undefined
    this.#probes.sync(pod, wantedProbes(pod, { containers, isEnding }))
  }

  [Symbol.dispose](): void {
    this.#probes[Symbol.dispose]()
  }
}
