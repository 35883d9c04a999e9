// SPDX-License-Identifier: Apache-2.0
// The name of a priority class becomes a number in the pod, and a pod without a name gets the default.
import type { Pod, PodSpec, PriorityClass } from '../../kube/types.gen.ts'
import { storedObject, storedObjects } from '../auth/stored-object.ts'
import type { Store } from '../storage/store.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { forbid, targetOf } from './forbid.ts'

const storage = 'priorityclasses.scheduling.k8s.io'

export const priority: AdmissionPlugin = {
  name: 'Priority',
  mutate(object, request, context) {
    if (targetOf(request) !== 'pods') return object
    const { spec } = object as unknown as Pod
    if (!spec) return object
    const old = (request.old as unknown as Pod | undefined)?.spec
    const next =
      request.operation === 'CREATE'
        ? withPriority(spec, request, context)
        : { ...(old && keptOf(old)), ...spec }
    return { ...object, spec: next }
  },
  validate(request, { store }) {
    if (targetOf(request) !== storage || !request.object) return
    const { globalDefault, metadata } = request.object as unknown as PriorityClass
    if (globalDefault !== true) return
    const other = defaultClass(store)
    const isOther = request.operation === 'CREATE' || other?.metadata.name !== metadata.name
    if (!other || !isOther) return
    const why = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`
    throw forbid(request, why)
  },
}

/** What a client that does not know these fields leaves out of its update. */
function keptOf({ preemptionPolicy, priority: value }: PodSpec): Partial<PodSpec> {
  return {
    ...(value !== undefined && { priority: value }),
    ...(preemptionPolicy !== undefined && { preemptionPolicy }),
  }
}

function withPriority(
  spec: PodSpec,
  request: AdmissionRequest,
  { store }: AdmissionContext,
): PodSpec {
  const { preemptionPolicy, priority: value } = spec
  const given = spec.priorityClassName ?? ''
  const found =
    given === '' ? defaultClass(store) : storedObject<PriorityClass>(store, storage, at(given))
  if (!found && given !== '') {
    throw forbid(request, `no PriorityClass with name ${given} was found`)
  }
  const computed = found?.value ?? 0
  if (value !== undefined && value !== computed) {
    const why = `the integer value of priority (${value}) must not be provided in pod spec; priority admission controller computed ${computed} from the given PriorityClass name`
    throw forbid(request, why)
  }
  const policy = found ? found.preemptionPolicy : 'PreemptLowerPriority'
  if (policy !== undefined && preemptionPolicy !== undefined && preemptionPolicy !== policy) {
    const why = `the string value of PreemptionPolicy (${preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`
    throw forbid(request, why)
  }
  const priorityClassName = found?.metadata.name
  return {
    ...spec,
    ...(priorityClassName !== undefined && { priorityClassName }),
    priority: computed,
    ...(policy !== undefined && { preemptionPolicy: policy }),
  }
}

/** There should be one at most; of several the lowest counts. */
function defaultClass(store: Store): PriorityClass | undefined {
  let lowest: PriorityClass | undefined
  for (const one of storedObjects<PriorityClass>(store, storage)) {
    const isLower = !lowest || (one.value ?? 0) < (lowest.value ?? 0)
    if (one.globalDefault === true && isLower) lowest = one
  }
  return lowest
}

function at(name: string) {
  return { namespace: '', name }
}
