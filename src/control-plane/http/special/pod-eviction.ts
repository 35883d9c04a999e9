// SPDX-License-Identifier: Apache-2.0
// POST pods/NAME/eviction: a delete that disruption budgets may put off. Charging the budget, marking
// the pod and deleting it are one step.
import type { Pod, PodDisruptionBudget } from '../../../kube/types.gen.ts'
import { decideEviction, evictionCondition } from '../../admission/eviction.ts'
import { validateByAdmission } from '../../api/admit.ts'
import type { ApiCore, Place } from '../../api/api-core.ts'
import { deleteObject } from '../../api/delete-object.ts'
import { podNamed } from '../../kubelet/pod-container.ts'
import { badRequest } from '../../objects/api-status.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { matchesSelector } from '../../resources/workloads/matches-selector.ts'
import { checkedDeleteOptions } from '../delete-options.ts'
import { isDryRun, readObject } from '../request-body.ts'
import type { ResourceRequest, VerbContext } from '../read-verbs.ts'
import { wireTime } from '../../../util/wire-time.ts'

const evictionKind = { group: 'policy', version: 'v1', kind: 'Eviction' }

export async function answerEviction(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const eviction = await readObject(exchange, evictionKind)
  const { namespace, name } = target
  if (eviction.metadata.name && eviction.metadata.name !== name) {
    throw badRequest('name in URL does not match name in Eviction object')
  }
  const given = (eviction['deleteOptions'] ?? {}) as Readonly<Record<string, unknown>>
  const wishes = checkedDeleteOptions(given, isDryRun(exchange.info.query))
  const place: Place = { resource, namespace, name, subresource: '' }
  const { user } = exchange
  validateByAdmission(core, {
    ...place,
    subresource: 'eviction',
    user,
    operation: 'CREATE',
    object: eviction,
    old: undefined,
    isDryRun: wishes.isDryRun,
  })
  const pod = podNamed(core.store, namespace, name)
  const decision = decideEviction(pod, budgetsOf(core, pod), core.clock.nowMs())
  // Preconditions and admission speak before anything is written; nothing runs in between.
  deleteObject(core, place, { ...wishes, user, isDryRun: true })
  if (!wishes.isDryRun) {
    if (decision.budget) charge(core, decision.budget, decision.budgetStatus)
    mark(core, pod)
    const { preconditions: _met, ...asked } = wishes
    deleteObject(core, place, { ...asked, user })
  }
  await core.store.durable()
  exchange.sendJson(201, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  })
}

function budgetsOf({ store }: ApiCore, { metadata }: Pod): readonly PodDisruptionBudget[] {
  const { items } = store.list('poddisruptionbudgets.policy', metadata.namespace)
  return items
    .map(({ object }) => object as unknown as PodDisruptionBudget)
    .filter(({ spec }) => spec?.selector && matchesSelector(spec.selector, metadata.labels ?? {}))
}

function charge(
  { store }: ApiCore,
  budget: PodDisruptionBudget,
  status: PodDisruptionBudget['status'],
): void {
  const { namespace, name } = budget.metadata
  const key = { resource: 'poddisruptionbudgets.policy', namespace, name }
  store.put(key, { ...(budget as unknown as KubeObject), status })
}

function mark({ store, clock }: ApiCore, pod: Pod): void {
  const { namespace, name } = pod.metadata
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget')
  const now = wireTime(clock.nowMs())
  const conditions = [...others, { ...evictionCondition, lastTransitionTime: now }]
  const marked = { ...(pod as unknown as KubeObject), status: { ...pod.status, conditions } }
  store.put({ resource: 'pods', namespace, name }, marked)
}
