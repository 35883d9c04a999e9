// SPDX-License-Identifier: Apache-2.0
// Pods made from a template and pods deleted, each with the event that users know.
import { pods } from '../../../kube/resources.ts'
import type { Resource } from '../../../kube/resources.ts'
import type { Pod, PodTemplateSpec } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { StatusError } from '../../objects/api-status.ts'
import type { ClusterApi, EventSubject, NewObject } from '../cluster-api.ts'
import { isNotFound } from './controller-queue.ts'
import { controllerReference } from './owner-reference.ts'
import type { Owned } from './owner-reference.ts'

/** What a controller needs to make and delete pods of one owner. */
export interface PodControl {
  /** Rejects after recording FailedCreate; resolves to undefined when the namespace is ending. */
  create(pod: NewObject<Pod>): Promise<Pod | undefined>
  /** A pod that is gone already is no error. Rejects after recording FailedDelete. */
  delete(pod: Pod): Promise<void>
}

export interface PodControlOptions {
  readonly api: ClusterApi
  readonly owner: Owned & EventSubject
  /** Called with every pod that was created. */
  readonly onCreated: (pod: Pod) => void
}

export function podControl({ api, owner, onCreated }: PodControlOptions): PodControl {
  return {
    async create(pod) {
      try {
        const created = await api.create(pods, pod)
        onCreated(created)
        const message = `Created pod: ${created.metadata.name}`
        api.recordEvent(owner, { type: 'Normal', reason: 'SuccessfulCreate', message })
        return created
      } catch (error) {
        if (isNamespaceEnding(error)) return undefined
        const message = `Error creating: ${messageOf(error)}`
        api.recordEvent(owner, { type: 'Warning', reason: 'FailedCreate', message })
        throw error
      }
    },
    async delete({ metadata }) {
      try {
        await api.delete(pods, metadata, { preconditions: { uid: metadata.uid } })
      } catch (error) {
        if (isNotFound(error)) return
        const message = `Error deleting: ${messageOf(error)}`
        api.recordEvent(owner, { type: 'Warning', reason: 'FailedDelete', message })
        throw error
      }
      const message = `Deleted pod: ${metadata.name}`
      api.recordEvent(owner, { type: 'Normal', reason: 'SuccessfulDelete', message })
    },
  }
}

/** The pod of a template, controlled by `owner`, its name left to the server. */
export function podFromTemplate(
  template: PodTemplateSpec,
  { owner, ownerResource }: { readonly owner: Owned; readonly ownerResource: Resource<unknown> },
): NewObject<Pod> {
  const { labels = {}, annotations, finalizers } = template.metadata ?? {}
  return {
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      labels,
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [controllerReference(ownerResource, owner)],
    },
    spec: template.spec ?? { containers: [] },
  }
}

/** Whether a write was refused because its namespace is being deleted: nothing is to be done then. */
export function isNamespaceEnding(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
  )
}
