// SPDX-License-Identifier: Apache-2.0
// Brings manifests into a cluster: what is not there is created, what is there is changed by server-side
// apply. What others need (namespaces, accounts, configuration) goes first, whatever the files' order.
import { isConflict } from '../../kube/api-error.ts'
import { pathOf } from '../../kube/resources.ts'
import type { Resource } from '../../kube/resources.ts'
import type { ClusterAccess } from '../cluster-access.ts'
import { ApiKinds } from './api-kinds.ts'
import type { Manifest } from './read-manifests.ts'

/** An object that is in the cluster now. */
export interface AppliedObject {
  readonly resource: Resource<Manifest>
  /** Left out for kinds without namespaces. */
  readonly namespace?: string
  readonly name: string
  readonly uid: string
  /** False when it was there before. */
  readonly isCreated: boolean
  /** As the server has it. */
  readonly object: Manifest
}

export interface ApplyOptions {
  readonly access: ClusterAccess
  /** For objects that name none. */
  readonly namespace: string
  readonly signal: AbortSignal
  /** Called after each object, so that a caller who is stopped midway knows what is there. */
  readonly onApplied: (applied: AppliedObject) => void
}

const fieldManager = 'virtual-kubelet-run'

/** Kinds that others refer to, in the order in which they are made. */
const first = [
  'Namespace',
  'CustomResourceDefinition',
  'PriorityClass',
  'RuntimeClass',
  'ResourceQuota',
  'LimitRange',
  'ServiceAccount',
  'ClusterRole',
  'Role',
  'ClusterRoleBinding',
  'RoleBinding',
  'Secret',
  'ConfigMap',
  'PersistentVolumeClaim',
  'Service',
]

/** The order in which manifests are applied: what others need first, else as written. */
export function inOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  const rank = ({ kind }: Manifest): number => {
    const index = first.indexOf(kind)
    return index < 0 ? first.length : index
  }
  return manifests.toSorted((one, other) => rank(one) - rank(other))
}

/** Applies all; every kind is known to the server before the first object is sent. */
export async function applyObjects(
  manifests: readonly Manifest[],
  options: ApplyOptions,
): Promise<readonly AppliedObject[]> {
  const kinds = new ApiKinds(options.access)
  const steps = []
  for (const manifest of inOrder(manifests)) {
    const resource = await kinds.resourceOf(manifest.apiVersion, manifest.kind)
    steps.push({ resource, object: withNamespace(manifest, { resource, ...options }) })
  }
  const all: AppliedObject[] = []
  for (const { resource, object } of steps) {
    options.signal.throwIfAborted()
    const applied = await applyOne(resource, { ...options, object })
    options.onApplied(applied)
    all.push(applied)
  }
  return all
}

function withNamespace(
  manifest: Manifest,
  options: { readonly resource: Resource<unknown>; readonly namespace: string },
): Manifest {
  const { metadata } = manifest
  if (!options.resource.isNamespaced || metadata.namespace !== undefined) return manifest
  return { ...manifest, metadata: { ...metadata, namespace: options.namespace } }
}

async function applyOne(
  resource: Resource<Manifest>,
  options: ApplyOptions & { readonly object: Manifest },
): Promise<AppliedObject> {
  const { object } = options
  const query = `fieldManager=${fieldManager}&fieldValidation=Strict`
  const attempt = `create ${titleOf(object)}`
  try {
    const path = `${pathOf(resource, place(object))}?${query}`
    return await send({ method: 'POST', path, contentType: 'application/json' }, attempt)
  } catch (error) {
    if (!isConflict(error) || object.metadata.name === undefined) throw error
  }
  const at = { ...place(object), name: object.metadata.name }
  const path = `${pathOf(resource, at)}?${query}&force=true`
  const contentType = 'application/apply-patch+yaml'
  return await send({ method: 'PATCH', path, contentType }, `apply ${titleOf(object)}`)

  async function send(
    request: { method: 'POST' | 'PATCH'; path: string; contentType: string },
    what: string,
  ): Promise<AppliedObject> {
    const { access, signal } = options
    const answer = await access.send({ ...request, body: JSON.stringify(object), signal }, what)
    const stored = JSON.parse(answer.body) as Manifest
    return {
      resource,
      ...place(stored),
      name: stored.metadata.name ?? '',
      uid: stored.metadata.uid ?? '',
      isCreated: answer.status === 201,
      object: stored,
    }
  }
}

function place({ metadata }: Manifest): { readonly namespace?: string } {
  return metadata.namespace === undefined ? {} : { namespace: metadata.namespace }
}

/** `job/crunch`, as kubectl names things. */
export function titleOf({ kind, metadata }: Manifest): string {
  return `${kind.toLowerCase()}/${metadata.name ?? `${metadata.generateName ?? ''}…`}`
}
