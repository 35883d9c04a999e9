// SPDX-License-Identifier: Apache-2.0
// How a pod of a request becomes one that may be stored.
import type { Pod } from '../../../kube/types.gen.ts'
import type { FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { dnsLabelFaults } from '../meta/name-rules.ts'
import { isRecord, textOf } from '../read-json.ts'
import { wireTime } from '../../../util/wire-time.ts'
import type { Strategy } from '../resource-definition.ts'
import { defaultPod } from './default-pod.ts'
import { podWarnings } from './pod-warnings.ts'
import {
  prepareEphemeralContainers,
  prepareNewPod,
  preparePodStatus,
  prepareResize,
} from './prepare-pod.ts'
import { validatePod } from './validate-pod.ts'
import { validateEphemeralContainersUpdate, validatePodResize } from './validate-pod-resize.ts'
import { validatePodStatus } from './validate-pod-status.ts'
import { validatePodUpdate } from './validate-pod-update.ts'

export const podStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  applyDefaults: defaultPod,
  completeNew: (object, context) => {
    if (!isRecord(object['spec'])) return object
    return prepared(object, (pod) => prepareNewPod(pod, wireTime(context?.nowMs ?? 0)))
  },
  completeUpdate: (next, old, subresource) => {
    const prepare = preparations[subresource]
    return prepare ? prepared(next, (pod) => prepare(pod, asKind<Pod>(old))) : next
  },
  validate: (object) => validatePod(asKind<Pod>(object)),
  validateUpdate: (next, old, subresource) => {
    const judge = judgements[subresource] ?? validatePodUpdate
    return judge(asKind<Pod>(next), asKind<Pod>(old))
  },
  warnings: (object, old) => (old === undefined ? [...warningsForNew(asKind<Pod>(object))] : []),
  gracePeriodSeconds: (object, requested) => {
    const { spec, status } = asKind<Pod>(object)
    const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed'
    if (isOver || (spec.nodeName ?? '') === '') return 0
    const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 0
    return seconds < 0 ? 1 : seconds
  },
})

const preparations: Readonly<Record<string, (next: Pod, old: Pod) => Pod>> = {
  status: preparePodStatus,
  ephemeralcontainers: prepareEphemeralContainers,
  resize: prepareResize,
}

const judgements: Readonly<Record<string, (next: Pod, old: Pod) => Iterable<FieldError>>> = {
  status: validatePodStatus,
  ephemeralcontainers: validateEphemeralContainersUpdate,
  resize: validatePodResize,
}

function* warningsForNew(pod: Pod): Iterable<string> {
  const faults = dnsLabelFaults(textOf(pod.metadata.name))
  if (faults.length > 0) {
    const why =
      "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
    yield `metadata.name: ${why}: [${faults.join(' ')}]`
  }
  if (isRecord(pod.spec)) yield* podWarnings(pod.spec, pod.metadata)
}

function prepared(object: KubeObject, prepare: (pod: Pod) => Pod): KubeObject {
  return prepare(asKind<Pod>(object)) as unknown as KubeObject
}
