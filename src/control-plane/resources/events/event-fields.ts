// SPDX-License-Identifier: Apache-2.0
// By which fields events can be selected, in the words of each of the two groups that show them.
import type { Event } from '../../../kube/types.gen.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { textAt } from '../selectable-field.ts'

type Fields = Readonly<Record<string, (object: KubeObject) => string>>

const subjectFields = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
]

/** Fields of v1 events. */
export const coreEventFields: Fields = {
  ...fieldsOf('involvedObject'),
  reason: textAt('reason'),
  reportingComponent: textAt('reportingComponent'),
  source: (object) => {
    const { source, reportingComponent } = asKind<Event>(object)
    return source?.component || reportingComponent || ''
  },
  type: textAt('type'),
}

/** Fields of events.k8s.io/v1 events; they are read from an event in that group's form. */
export const groupEventFields: Fields = {
  ...fieldsOf('regarding'),
  reason: textAt('reason'),
  reportingController: textAt('reportingController'),
  type: textAt('type'),
}

function fieldsOf(subject: string): Fields {
  return Object.fromEntries(
    subjectFields.map((field) => [`${subject}.${field}`, textAt(`${subject}.${field}`)]),
  )
}
