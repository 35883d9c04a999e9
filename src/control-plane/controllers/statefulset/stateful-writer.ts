// SPDX-License-Identifier: Apache-2.0
// Carries out the steps of a StatefulSet, each with the event that users know.
import { pods } from '../../../kube/resources.ts'
import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
} from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { StatusError } from '../../objects/api-status.ts'
import type { ClusterApi } from '../cluster-api.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { templateOf } from '../workload/revision-history.ts'
import { persistentVolumeClaims } from '../workload/workload-resources.ts'
import { claimOwners, isClaimOfPredecessor } from './claim-owners.ts'
import type { StatefulSetStep } from './decide-statefulset.ts'
import { claimsOf, podNameOf, repairedPod, statefulPod } from './stateful-identity.ts'

export interface StatefulWriterOptions {
  readonly api: ClusterApi
  readonly set: StatefulSet
  /** The current and the update revision; they may be the same. */
  readonly revisions: readonly ControllerRevision[]
  readonly onCreated: (pod: Pod) => void
}

type Verb = 'Create' | 'Update' | 'Delete'

/** Writes what the steps of one pass say. */
export class StatefulWriter {
  readonly #options: StatefulWriterOptions

  constructor(options: StatefulWriterOptions) {
    this.#options = options
  }

  /** Rejects when the step could not be taken. */
  async take(step: StatefulSetStep): Promise<void> {
    switch (step.do) {
      case 'create':
        await this.#create(step.ordinal, step.revisionName)
        return
      case 'delete':
        await this.#delete(step.pod)
        return
      case 'claim':
        await this.#createClaims(step.pod.metadata.name, step.ordinal)
        await this.#settleOwners(step.pod, step.ordinal)
        return
      case 'repair':
        await this.#repair(step.pod, step.ordinal)
    }
  }

  async #create(ordinal: number, revisionName: string): Promise<void> {
    const { api, set, revisions, onCreated } = this.#options
    const name = podNameOf(set, ordinal)
    const claims = claimsOf(set, ordinal).map(({ metadata }) => this.#claim(metadata.name))
    if (claims.some((claim) => claim && isClaimOfPredecessor(claim, { set, podName: name }))) return
    const revision = revisions.find(({ metadata }) => metadata.name === revisionName)
    const template = revision ? templateOf(revision) : set.spec.template
    let pod: Pod
    try {
      await this.#createClaims(name, ordinal)
      pod = await api.create(pods, statefulPod(set, { ordinal, template, revisionName }))
    } catch (error) {
      const isTaken = error instanceof StatusError && error.reason === 'AlreadyExists'
      if (!isTaken) this.#tell('Create', name, error)
      throw error
    }
    onCreated(pod)
    await this.#settleOwners(pod, ordinal)
    this.#tell('Create', name)
  }

  async #delete({ metadata }: Pod): Promise<void> {
    try {
      await this.#options.api.delete(pods, metadata, { preconditions: { uid: metadata.uid } })
    } catch (error) {
      if (!isNotFound(error)) {
        this.#tell('Delete', metadata.name, error)
        throw error
      }
    }
    this.#tell('Delete', metadata.name)
  }

  async #repair(pod: Pod, ordinal: number): Promise<void> {
    const { api, set } = this.#options
    const repaired = repairedPod(set, pod, ordinal)
    const { name } = pod.metadata
    try {
      if (repaired !== pod) await this.#createClaims(name, ordinal)
      await this.#settleOwners(pod, ordinal)
      if (repaired === pod) return
      await api.update(pods, repaired)
    } catch (error) {
      this.#tell('Update', name, error)
      throw error
    }
    this.#tell('Update', name)
  }

  async #createClaims(podName: string, ordinal: number): Promise<void> {
    const { api, set } = this.#options
    for (const claim of claimsOf(set, ordinal)) {
      const { name } = claim.metadata
      const found = this.#claim(name)
      if (found?.metadata.deletionTimestamp !== undefined) {
        throw new Error(`pvc ${name} is being deleted`)
      }
      if (found) continue
      try {
        await api.create(persistentVolumeClaims, claim)
      } catch (error) {
        const why = messageOf(error)
        const what = `Create Claim ${name} for Pod ${podName} in StatefulSet ${set.metadata.name}`
        const message = `${what} failed error: ${why}`
        api.recordEvent(set, { type: 'Warning', reason: 'FailedCreate', message })
        throw new Error(`failed to create PVC ${name}: ${why}`, { cause: error })
      }
      const message = `Create Claim ${name} Pod ${podName} in StatefulSet ${set.metadata.name} success`
      api.recordEvent(set, { type: 'Normal', reason: 'SuccessfulCreate', message })
    }
  }

  async #settleOwners(pod: Pod, ordinal: number): Promise<void> {
    const { api, set } = this.#options
    for (const { metadata } of claimsOf(set, ordinal)) {
      const claim = this.#claim(metadata.name)
      const ownerReferences = claim && claimOwners({ claim, set, pod, ordinal })
      if (!ownerReferences) continue
      const changed = { ...claim, metadata: { ...claim.metadata, ownerReferences } }
      await api.update(persistentVolumeClaims, changed)
    }
  }

  #claim(name: string): PersistentVolumeClaim | undefined {
    const { api, set } = this.#options
    return api.get(persistentVolumeClaims, { namespace: set.metadata.namespace, name })
  }

  #tell(verb: Verb, podName: string, ...errors: readonly unknown[]): void {
    const { api, set } = this.#options
    const what = `${verb} Pod ${podName} in StatefulSet ${set.metadata.name}`
    const isFailed = errors.length > 0
    api.recordEvent(set, {
      type: isFailed ? 'Warning' : 'Normal',
      reason: `${isFailed ? 'Failed' : 'Successful'}${verb}`,
      message: isFailed ? `${what} failed error: ${messageOf(errors[0])}` : `${what} successful`,
    })
  }
}
