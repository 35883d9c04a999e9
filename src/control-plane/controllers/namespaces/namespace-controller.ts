// SPDX-License-Identifier: Apache-2.0
// Empties namespaces that are being deleted, pods first, and lets them go when nothing is left. Looks
// again whenever something in such a namespace ends, so that a namespace goes as fast as its pods.
import type { Resource } from '../../../kube/resources.ts'
import { pods } from '../../../kube/resources.ts'
import { WorkQueue } from '../../../kube/work-queue.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { StoredObject } from '../../objects/kube-object.ts'
import type { Namespace } from '../../../kube/types.gen.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { isConflict, isNotFound } from '../workload/controller-queue.ts'
import { namespaces } from './cluster-kinds.ts'
import { namespaceConditions } from './namespace-conditions.ts'
import type { Remains } from './namespace-conditions.ts'

export interface NamespaceControllerOptions {
  /** All kinds that live in namespaces and can be deleted. */
  readonly resources: readonly Resource<unknown>[]
}

/** Of spec.finalizers: this controller's. */
const finalizer = 'kubernetes'
const backoff = { baseMs: 20, factor: 2, capMs: 60_000, jitter: 0.25 }
// Whatever is missed otherwise (a pod whose grace ran out, say) is seen after this time.
const checkAgainMs = 15_000
const deletesAtOnce = 32

/** Starts the namespace lifecycle controller. */
export function startNamespaceController(
  context: ControllerContext,
  { resources }: NamespaceControllerOptions,
): AsyncDisposable {
  const { api, clock, log } = context
  const contents = resources.filter(({ isNamespaced }) => isNamespaced)
  const queue = new WorkQueue((name) => reconcile(name, context, contents), {
    name: 'namespaces',
    concurrency: 10,
    clock,
    log,
    backoff,
  })
  const wake = (namespace: Namespace | undefined): void => {
    if (namespace?.metadata.deletionTimestamp !== undefined) queue.add(namespace.metadata.name)
  }
  const subscriptions = [
    api.onChange(namespaces, ({ current }) => wake(current)),
    ...contents.map((resource) =>
      api.onChange(resource, ({ current, previous }) => {
        if (current !== undefined) return
        const name = (previous as StoredObject | undefined)?.metadata.namespace ?? ''
        wake(api.get(namespaces, { name }))
      }),
    ),
  ]
  for (const namespace of api.list(namespaces)) wake(namespace)
  queue.start()
  return {
    async [Symbol.asyncDispose]() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]()
      await queue[Symbol.asyncDispose]()
    },
  }
}

async function reconcile(
  name: string,
  context: ControllerContext,
  contents: readonly Resource<unknown>[],
): Promise<void | { readonly requeueAfterMs: number }> {
  const { api } = context
  const namespace = api.get(namespaces, { name })
  if (namespace?.metadata.deletionTimestamp === undefined) return
  try {
    await writeStatus(context, name, undefined)
    if (!(namespace.spec?.finalizers ?? []).includes(finalizer)) return
    const remains = await empty(context, name, contents)
    await writeStatus(context, name, remains)
    if (remains.errors.length > 0) throw new Error(remains.errors.join('; '))
    if (remains.instances.size > 0) return { requeueAfterMs: checkAgainMs }
    await finalize(context, name)
  } catch (error) {
    if (isNotFound(error)) return
    if (isConflict(error)) return { requeueAfterMs: 2 }
    throw error
  }
}

async function empty(
  context: ControllerContext,
  namespace: string,
  contents: readonly Resource<unknown>[],
): Promise<Remains> {
  const instances = new Map<string, number>()
  const finalizers = new Map<string, number>()
  const errors: string[] = []
  const emptyOne = async (resource: Resource<unknown>): Promise<void> => {
    errors.push(...(await deleteAll(context, resource, namespace)))
    const left = context.api.list(resource, namespace) as readonly StoredObject[]
    if (left.length > 0) instances.set(nameOf(resource), left.length)
    for (const one of left.flatMap(({ metadata }) => metadata.finalizers ?? [])) {
      finalizers.set(one, (finalizers.get(one) ?? 0) + 1)
    }
  }
  const podResource = contents.find(isPods)
  if (podResource) await emptyOne(podResource)
  const isPodsOnly = instances.size > 0
  if (!isPodsOnly) {
    for (const resource of contents) if (!isPods(resource)) await emptyOne(resource)
  }
  return { instances, finalizers, errors, isPodsOnly }
}

function isPods({ apiVersion, plural }: Resource<unknown>): boolean {
  return apiVersion === pods.apiVersion && plural === pods.plural
}

// Returns what went wrong. What is being deleted already is left to those who hold it.
async function deleteAll(
  { api }: ControllerContext,
  resource: Resource<unknown>,
  namespace: string,
): Promise<readonly string[]> {
  const all = api.list(resource, namespace) as readonly StoredObject[]
  const names = all
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name)
  const errors: string[] = []
  const deleteOne = async (name: string): Promise<void> => {
    try {
      await api.delete(resource, { namespace, name }, { propagationPolicy: 'Background' })
    } catch (error) {
      if (!isNotFound(error)) errors.push(messageOf(error))
    }
  }
  for (let start = 0; start < names.length; start += deletesAtOnce) {
    await Promise.all(names.slice(start, start + deletesAtOnce).map(deleteOne))
  }
  return errors
}

function nameOf({ apiVersion, plural }: Resource<unknown>): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  return `${plural}.${group}`
}

async function writeStatus(
  { api, clock }: ControllerContext,
  name: string,
  remains: Remains | undefined,
): Promise<void> {
  const namespace = api.get(namespaces, { name })
  if (!namespace) return
  const old = namespace.status
  const conditions = remains
    ? namespaceConditions(old?.conditions, remains, clock.nowMs())
    : old?.conditions
  if (old?.phase === 'Terminating' && old.conditions === conditions) return
  const status = { ...old, phase: 'Terminating', ...(conditions && { conditions }) }
  await api.updateStatus(namespaces, { ...namespace, status })
}

async function finalize({ api }: ControllerContext, name: string): Promise<void> {
  const namespace = api.get(namespaces, { name })
  if (!namespace) return
  const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== finalizer)
  const { resourceVersion, uid } = namespace.metadata
  const patch = { metadata: { uid, resourceVersion }, spec: { finalizers } }
  await api.patch(namespaces, { name }, patch, 'finalize')
}
