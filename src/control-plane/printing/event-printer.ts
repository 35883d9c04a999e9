// SPDX-License-Identifier: Apache-2.0
// `kubectl get events`. Events that are counted have their time in one of three places, by their age.
import type { Event } from '../../kube/types.gen.ts'
import { ageOf } from './human-duration.ts'
import { column, nameColumn, printerFor, wideColumn } from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

/** Prints the form that events have in v1. */
export const eventPrinter: TablePrinter = printerFor<Event>(
  [
    column('Last Seen'),
    column('Type'),
    column('Reason'),
    column('Object'),
    wideColumn('Subobject'),
    wideColumn('Source'),
    column('Message'),
    wideColumn('First Seen'),
    wideColumn('Count'),
    { ...nameColumn, priority: 1 },
  ],
  (event, nowMs) => {
    const { series } = event
    // Clients may leave out even what the type demands.
    const involvedObject: Partial<Event['involvedObject']> = event.involvedObject ?? {}
    const firstSeen = ageOf(event.firstTimestamp || event.eventTime, nowMs)
    const lastTime = event.lastTimestamp || event.firstTimestamp || event.eventTime
    const kind = (involvedObject.kind ?? '').toLowerCase()
    return [
      ageOf(series ? series.lastObservedTime : lastTime, nowMs),
      event.type ?? '',
      event.reason ?? '',
      involvedObject.name ? `${kind}/${involvedObject.name}` : kind,
      involvedObject.fieldPath ?? '',
      sourceOf(event),
      (event.message ?? '').trim(),
      firstSeen,
      series ? (series.count ?? 0) : event.count || 1,
      event.metadata.name,
    ]
  },
)

function sourceOf({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || ''
  const instance = source?.host || reportingInstance || ''
  return instance === '' ? component : `${component}, ${instance}`
}
