// SPDX-License-Identifier: Apache-2.0
// Events, by the lenient rules of v1 and the strict ones of events.k8s.io. The latter are told in the
// names of v1, in which the API server judges both.
import type { Event } from '../../../kube/types.gen.ts'
import { invalidValue, required, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { qualifiedNameFaults } from '../meta/name-rules.ts'
import { isImmutable } from '../meta/validate-values.ts'
import { isMissing, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { toCoreEvent, toGroupEvent, withCoreDefaults } from './event-forms.ts'

export const coreEventStrategy: Strategy = genericStrategy({
  nameRule: 'path-segment',
  allowsCreateOnUpdate: true,
  applyDefaults: withCoreDefaults,
  validate: (object) => validateEvent(asKind<Event>(object), 'reportingComponent'),
  validateUpdate: (next) => validateEvent(asKind<Event>(next), 'reportingComponent'),
})

export const groupEventStrategy: Strategy = genericStrategy({
  allowsCreateOnUpdate: true,
  applyDefaults: (object) => (isComplete(object) ? object : toGroupEvent(toCoreEvent(object))),
  validate: function* (object) {
    const event = asKind<Event>(toCoreEvent(object))
    yield* validateEvent(event, 'reportingController')
    yield* validateStrictly(event)
  },
  validateUpdate: function* (next, old) {
    const after = toCoreEvent(next)
    yield* validateEvent(asKind<Event>(after), 'reportingController')
    yield* validateUnchanged(after, toCoreEvent(old))
  },
})

/** Whether the fields are there that an event of this group always has. */
function isComplete(object: KubeObject): boolean {
  const fields = ['deprecatedSource', 'deprecatedFirstTimestamp', 'deprecatedLastTimestamp']
  return [...fields, 'eventTime'].every((field) => object[field] !== undefined)
}

const lengths = [
  ['reportingInstance', 128],
  ['action', 128],
  ['reason', 128],
] as const

function* validateEvent(event: Event, controllerField: string): Iterable<FieldError> {
  const namespace = textOf(event.metadata.namespace)
  const subject = textOf(event.involvedObject?.namespace)
  const isNew = !isMissing(event.eventTime)
  const isWide = namespace === 'default' || namespace === (isNew ? 'kube-system' : '')
  const isElsewhere = subject === '' ? !isWide : !isNew && subject !== namespace
  if (isElsewhere) {
    yield invalidValue('involvedObject.namespace', subject, 'does not match event.namespace')
  }
  if (!isNew) return
  const controller = textOf(event.reportingComponent)
  if (controller === '') yield required(controllerField)
  for (const fault of qualifiedNameFaults(controller)) {
    yield invalidValue(controllerField, controller, fault)
  }
  for (const [field, max] of lengths) {
    const text = textOf(event[field])
    if (text === '') yield required(field)
    if (text.length > max) yield invalidValue(field, '', `can have at most ${max} characters`)
  }
  if (textOf(event.message).length > 1024) {
    yield invalidValue('message', '', 'can have at most 1024 characters')
  }
}

function* validateSeries({ series }: Event): Iterable<FieldError> {
  if (isMissing(series)) return
  if ((series.count ?? 0) < 2) yield invalidValue('series.count', '', 'should be at least 2')
  if (isMissing(series.lastObservedTime)) yield required('series.lastObservedTime')
}

function* validateStrictly(event: Event): Iterable<FieldError> {
  yield* validateSeries(event)
  if (isMissing(event.eventTime)) yield required('eventTime')
  const type = textOf(event.type)
  if (type !== 'Normal' && type !== 'Warning') {
    yield invalidValue('type', '', `has invalid value: ${type}`)
  }
  for (const field of ['firstTimestamp', 'lastTimestamp'] as const) {
    if (!isMissing(event[field])) yield invalidValue(field, '', 'needs to be unset')
  }
  if (event.count) yield invalidValue('count', '', 'needs to be unset')
  if (textOf(event.source?.component) !== '' || textOf(event.source?.host) !== '') {
    yield invalidValue('source', '', 'needs to be unset')
  }
}

const immutable = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const

function* validateUnchanged(next: KubeObject, old: KubeObject): Iterable<FieldError> {
  if (!isSemanticallyEqual(next['series'], old['series']))
    yield* validateSeries(asKind<Event>(next))
  for (const field of immutable) {
    if (isSemanticallyEqual(next[field], old[field])) continue
    const shown = field === 'reportingComponent' ? 'reportingController' : field
    yield invalidValue(shown, next[field] ?? null, isImmutable)
  }
}
