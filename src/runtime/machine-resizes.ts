// SPDX-License-Identifier: Apache-2.0
// The part of a pod machine that gives running containers what their pod was granted.
import type { Pod, ResourceRequirements } from '../kube/types.gen.ts'
import type { CallContext } from '../provider/provider.ts'
import { compare, parseQuantity } from '../util/quantity.ts'
import { findContainer } from './decide/pod-containers.ts'
import type { Action } from './decide/pod-state.ts'
import type { MachineDeps } from './machine-deps.ts'
import type { PodLedger } from './pod-ledger.ts'
import { changedResources, podEntry, resizable } from './resources/allocation.ts'
import { ContainerResizes } from './resources/container-resizes.ts'

/** Resizes of one pod's containers, noted in its ledger. */
export class MachineResizes {
  /** Can the runtime change what a running container has? */
  readonly canResize: boolean
  /** The same for what all containers have together. */
  readonly canResizePod: boolean
  readonly #ledger: PodLedger
  readonly #resizes: ContainerResizes

  constructor({ runtime, host }: MachineDeps, ledger: PodLedger) {
    this.canResize =
      runtime.updateResources !== undefined && Boolean(runtime.features['resources.resize'])
    this.canResizePod =
      this.canResize &&
      runtime.updatePodResources !== undefined &&
      Boolean(runtime.features['resources.podLevelResize'])
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
    const names = resizes.map(({ container }) => container)
    const wish = this.#podWish
    this.#resizes.prune(new Set([...names, ...(wish ? [podEntry] : [])]))
    // Containers never have more than the pod as a whole: what grows, grows from without.
    if (wish?.shrinks === false) await this.#resizePod(wish.pod, context)
    for (const { container: name, attempt } of resizes) {
      const { ref, pod } = this.#ledger.record
      const spec = findContainer(pod, name)?.spec
      if (!pod || !spec) continue
      const key = { pod: ref, name, attempt }
      const actualLimit = this.#ledger.container(name)?.resources?.limits?.['memory']
      const isDone = await this.#resizes.resize({ key, pod, spec, actualLimit }, context)
      if (isDone) await this.#ledger.noteResources(key, spec.resources ?? {})
    }
    if (wish?.shrinks === true) await this.#resizePod(wish.pod, context)
  }

  /** What the pod as a whole is to have and does not, or nobody knows whether it does. */
  get #podWish(): { readonly pod: Pod; readonly shrinks: boolean } | undefined {
    const { pod, podResources, endedAtMs } = this.#ledger.record
    const wanted = pod?.spec.resources
    if (!this.canResizePod || !pod || !wanted || endedAtMs !== undefined) return undefined
    if (podResources && changedResources(podResources, wanted).length === 0) return undefined
    // Whatever is started has what the pod is granted then.
    if (!podResources && this.#ledger.running().length === 0) return undefined
    return { pod, shrinks: resizable.some((name) => isLess(wanted, podResources, name)) }
  }

  async #resizePod(pod: Pod, context: CallContext): Promise<void> {
    const running = this.#ledger.running()
    const actualLimit = this.#ledger.record.podResources?.limits?.['memory']
    const order = { pod, running, actualLimit }
    const isDone = running.length === 0 || (await this.#resizes.resizePod(order, context))
    if (isDone) await this.#ledger.notePodResources(pod.spec.resources ?? {})
  }
}

/** Is a limit lower than the one that there is? */
function isLess(
  wanted: ResourceRequirements,
  actual: ResourceRequirements | undefined,
  name: string,
): boolean {
  const [after, before] = [wanted.limits?.[name], actual?.limits?.[name]]
  if (after === undefined) return false
  return before === undefined || compare(parseQuantity(after), parseQuantity(before)) < 0
}
