// SPDX-License-Identifier: Apache-2.0
// The runs of one pod's containers as the runtime has told of them. A list takes a while and may lag
// behind what was told meanwhile; the epoch in which a run was last seen decides which of both counts.
import type { RuntimeContainer } from './container-runtime.ts'

interface Seen {
  readonly run: RuntimeContainer
  /** The list that had begun when this was told. */
  readonly epoch: number
}

/** Known runs by container name. */
export class PodRuns {
  readonly #byName = new Map<string, Map<number, Seen>>()

  get names(): Iterable<string> {
    return this.#byName.keys()
  }

  all(): readonly RuntimeContainer[] {
    return [...this.#byName.keys()].flatMap((name) => this.of(name))
  }

  of(name: string): readonly RuntimeContainer[] {
    return [...(this.#byName.get(name)?.values() ?? [])].map(({ run }) => run)
  }

  get(name: string, attempt: number): RuntimeContainer | undefined {
    return this.#byName.get(name)?.get(attempt)?.run
  }

  /** Where the newest run of each container was started, as far as the runtime can tell. */
  get sandboxIds(): ReadonlySet<string> {
    const newest = [...this.#byName.values()].flatMap((runs) => {
      const { run } = runs.get(Math.max(...runs.keys())) ?? {}
      return run?.sandboxId ?? []
    })
    return new Set(newest)
  }

  /** A change that the runtime told of, or the answer to a start. */
  add(run: RuntimeContainer, epoch: number): void {
    const runs = this.#byName.get(run.key.name) ?? new Map<number, Seen>()
    this.#byName.set(run.key.name, runs)
    const known = runs.get(run.key.attempt)
    const isStale = run.state.kind === 'running' && known && known.run.state.kind !== 'running'
    runs.set(run.key.attempt, isStale ? { run: known.run, epoch } : { run, epoch })
  }

  remove(name: string, attempt: number): void {
    this.#byName.get(name)?.delete(attempt)
  }

  /** A full list: what it lacks is gone, unless it was seen after the list had begun. */
  replace(runs: readonly RuntimeContainer[], epoch: number): void {
    const listed = new Set(runs.map(({ key }) => `${key.attempt} ${key.name}`))
    for (const [name, known] of this.#byName) {
      for (const [attempt, seen] of known) {
        if (!listed.has(`${attempt} ${name}`) && seen.epoch < epoch) known.delete(attempt)
      }
    }
    for (const run of runs) {
      const known = this.#byName.get(run.key.name)?.get(run.key.attempt)
      this.add(run, Math.max(epoch - 1, known?.epoch ?? 0))
    }
  }
}
