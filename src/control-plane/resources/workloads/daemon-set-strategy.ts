// SPDX-License-Identifier: Apache-2.0
// DaemonSets: one pod on each node. Their template generation is an older count of its changes, which
// an annotation carries.
import type { DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy } from '../../../kube/types.gen.ts'
import { invalidValue, notSupported, required, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { validateLabelSelector } from '../meta/validate-labels.ts'
import { validateNonNegative } from '../meta/validate-values.ts'
import { defaultPodTemplate } from '../pods/default-pod-spec.ts'
import { validatePodTemplate } from '../pods/validate-pod-spec.ts'
import { isMissing } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { mapField, withDefaults, withField } from '../share-structure.ts'
import { withSpec } from '../with-spec.ts'
import { isEmptySelector } from './matches-selector.ts'
import { templateWarnings } from './template-warnings.ts'
import {
  amountOf,
  validateAtMostAll,
  validateCount,
  validateLasting,
  validateMatch,
  validateSameSelector,
} from './validate-template.ts'

export const daemonSetStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  newStatus: {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  },
  applyDefaults: (object) => withSpec(object, defaultSpec),
  completeNew: (object) => withTemplateGeneration(object, '1'),
  completeUpdate: (next, old, subresource) => {
    if (subresource !== '') return next
    const before = old.metadata.annotations?.[generationAnnotation] ?? '0'
    const isSame = isSemanticallyEqual(specOf(next).template, specOf(old).template)
    return withTemplateGeneration(next, isSame ? before : `${Number(before) + 1}`)
  },
  validate: (object) => validateSpec(specOf(object)),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') return
    yield* validateSameSelector(specOf(next).selector, specOf(old).selector)
    yield* validateSpec(specOf(next))
  },
  warnings: (object, old) => templateWarnings(specOf(object).template, object, old),
})

const generationAnnotation = 'deprecated.daemonset.template.generation'

function withTemplateGeneration(object: KubeObject, generation: string): KubeObject {
  const annotations = { ...object.metadata.annotations, [generationAnnotation]: generation }
  return withField(object, 'metadata', withField(object.metadata, 'annotations', annotations))
}

function specOf(object: KubeObject): DaemonSetSpec {
  return asKind<DaemonSet>(object).spec ?? { selector: undefined as never, template: {} }
}

function defaultSpec(spec: DaemonSetSpec): DaemonSetSpec {
  const complete = withDefaults(spec, { revisionHistoryLimit: 10, updateStrategy: {} })
  const withStrategy = mapField(complete, 'updateStrategy', (strategy) => {
    const typed = withDefaults(strategy, { type: 'RollingUpdate' })
    if (typed.type !== 'RollingUpdate') return typed
    return mapField(withDefaults(typed, { rollingUpdate: {} }), 'rollingUpdate', (update) =>
      withDefaults(update, { maxUnavailable: 1, maxSurge: 0 }),
    )
  })
  return withField(withStrategy, 'template', defaultPodTemplate(spec.template))
}

function* validateSpec(spec: DaemonSetSpec): Iterable<FieldError> {
  const { selector } = spec
  const template = spec.template ?? {}
  yield* validateLabelSelector(selector, 'spec.selector')
  yield* validateMatch(selector, template, 'spec.template')
  if (!isMissing(selector) && isEmptySelector(selector)) {
    yield invalidValue('spec.selector', selector, 'empty selector is invalid for daemonset')
  }
  yield* validatePodTemplate(template, 'spec.template')
  yield* validateLasting(template, 'spec.template', 'DaemonSet')
  yield* validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds')
  yield* validateUpdateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy')
  yield* validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit')
}

function* validateUpdateStrategy(
  strategy: DaemonSetUpdateStrategy,
  path: string,
): Iterable<FieldError> {
  const { type, rollingUpdate } = strategy
  if (type === 'OnDelete') return
  if (type !== 'RollingUpdate') {
    const shown = { Type: type ?? '', RollingUpdate: rollingUpdate ?? null }
    yield notSupported(path, shown, ['RollingUpdate', 'OnDelete'])
    return
  }
  const at = `${path}.rollingUpdate`
  if (isMissing(rollingUpdate)) {
    yield required(at)
    return
  }
  const { maxSurge, maxUnavailable } = rollingUpdate
  yield* validateCount(maxUnavailable, `${at}.maxUnavailable`)
  yield* validateCount(maxSurge, `${at}.maxSurge`)
  yield* validateAtMostAll(maxUnavailable, `${at}.maxUnavailable`)
  yield* validateAtMostAll(maxSurge, `${at}.maxSurge`)
  const hasUnavailable = amountOf(maxUnavailable) !== 0
  if (hasUnavailable && amountOf(maxSurge) !== 0) {
    const why = 'may not be set when maxUnavailable is non-zero'
    yield invalidValue(`${at}.maxSurge`, maxSurge, why)
  } else if (!hasUnavailable && amountOf(maxSurge) === 0) {
    yield required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')
  }
}
