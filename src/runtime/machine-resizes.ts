// SPDX-License-Identifier: Apache-2.0
// The part of a pod machine that gives running containers what their pod was granted.
import type { CallContext } from '../provider/provider.ts'
import { findContainer } from './decide/pod-containers.ts'
import type { Action } from './decide/pod-state.ts'
import type { MachineDeps } from './machine-deps.ts'
import type { PodLedger } from './pod-ledger.ts'
import { ContainerResizes } from './resources/container-resizes.ts'

/** Resizes of one pod's containers, noted in its ledger. */
export class MachineResizes {
  /** Can the runtime change what a running container has? */
  readonly canResize: boolean
  readonly #ledger: PodLedger
  readonly #resizes: ContainerResizes

  constructor({ runtime, host }: MachineDeps, ledger: PodLedger) {
    this.canResize =
      runtime.updateResources !== undefined && Boolean(runtime.features['resources.resize'])
    this.#ledger = ledger
    this.#resizes = new ContainerResizes(runtime, host.clock)
  }

  /** Why a resize could not be carried out yet. */
  get error(): string | undefined {
    return this.#resizes.error
  }

  /** When a failed resize is due again. */
  get retryAtMs(): number | undefined {
    return this.#resizes.retryAtMs
  }

  /** The pod has changed: what failed is tried at once. */
  retryNow(): void {
    this.#resizes.retryNow()
  }

  /** Carries out the resizes among these actions. */
  async run(actions: readonly Action[], context: CallContext): Promise<void> {
    const resizes = actions.filter((action) => action.kind === 'resize')
    this.#resizes.prune(new Set(resizes.map(({ container }) => container)))
    for (const { container: name, attempt } of resizes) {
      const { ref, pod } = this.#ledger.record
      const spec = findContainer(pod, name)?.spec
      if (!pod || !spec) continue
      const key = { pod: ref, name, attempt }
      const actualLimit = this.#ledger.container(name)?.resources?.limits?.['memory']
      const isDone = await this.#resizes.resize({ key, pod, spec, actualLimit }, context)
      if (isDone) await this.#ledger.noteResources(key, spec.resources ?? {})
    }
  }
}
