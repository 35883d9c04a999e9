// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of jobs and of what starts them.
import type { CronJob, Job } from '../../kube/types.gen.ts'
import { ageOf, humanDuration } from './human-duration.ts'
import { selectorText } from './label-text.ts'
import {
  age,
  ageColumn,
  column,
  nameColumn,
  printerFor,
  templateCells,
  templateColumns,
  wideColumn,
} from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const jobPrinter: TablePrinter = printerFor<Job>(
  [
    nameColumn,
    column('Status'),
    column('Completions'),
    column('Duration'),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector'),
  ],
  (job, nowMs) => [
    job.metadata.name,
    stateOf(job),
    completionsOf(job),
    durationOf(job, nowMs),
    age(job, nowMs),
    ...templateCells(job.spec.template.spec?.containers),
    selectorText(job.spec.selector),
  ],
)

export const cronJobPrinter: TablePrinter = printerFor<CronJob>(
  [
    nameColumn,
    column('Schedule'),
    column('Timezone'),
    column('Suspend', 'boolean'),
    column('Active', 'integer'),
    column('Last Schedule'),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector'),
  ],
  (cronJob, nowMs) => {
    const { metadata, spec, status } = cronJob
    const job = spec.jobTemplate.spec
    const last = status?.lastScheduleTime
    return [
      metadata.name,
      spec.schedule,
      spec.timeZone ?? '<none>',
      spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
      status?.active?.length ?? 0,
      last === undefined ? '<none>' : ageOf(last, nowMs),
      age(cronJob, nowMs),
      ...templateCells(job?.template.spec?.containers),
      selectorText(job?.selector),
    ]
  },
)

function stateOf({ metadata, status }: Job): string {
  const has = (wanted: string): boolean =>
    status?.conditions?.find(({ type }) => type === wanted)?.status === 'True'
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (has('Suspended')) return 'Suspended'
  if (has('FailureTarget')) return 'FailureTarget'
  return has('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running'
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationOf({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return ''
  const endMs = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime)
  return humanDuration(endMs - Date.parse(status.startTime))
}
