// SPDX-License-Identifier: Apache-2.0
// CronJobs: Jobs by the clock.
import type { CronJob, CronJobSpec } from '../../../kube/types.gen.ts'
import { parseCronSchedule } from '../../controllers/cronjob/cron-schedule.ts'
import { findTimeZone } from '../../controllers/cronjob/time-zone.ts'
import { invalidValue, notSupported, required, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { validateNonNegative, validateOneOf } from '../meta/validate-values.ts'
import { isMissing, isRecord, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { templateWarnings } from '../workloads/template-warnings.ts'
import { nameWarnings } from './job-strategy.ts'
import { defaultCronJob } from './prepare-job.ts'
import { validateJobSpec } from './validate-job-spec.ts'

export const cronJobStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  newStatus: {},
  applyDefaults: defaultCronJob,
  validate: function* (object) {
    yield* validateSpec(specOf(object), undefined)
    const name = textOf(object.metadata.name)
    if (name.length <= 52) return
    yield invalidValue('metadata.name', name, 'must be no more than 52 characters')
  },
  validateUpdate: function* (next, old, subresource) {
    if (subresource !== 'status') yield* validateSpec(specOf(next), specOf(old))
  },
  warnings: (object, old) => {
    const template = specOf(object).jobTemplate?.spec?.template
    return [
      ...(old === undefined ? nameWarnings(object) : []),
      ...templateWarnings(template, object, old, 'spec.jobTemplate.spec.template.'),
    ]
  },
})

function specOf(object: KubeObject): CronJobSpec {
  const { spec } = asKind<CronJob>(object)
  return isRecord(spec) ? spec : { schedule: '', jobTemplate: {} }
}

function* validateSpec(spec: CronJobSpec, old: CronJobSpec | undefined): Iterable<FieldError> {
  yield* validateSchedule(spec, old)
  yield* validateNonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds')
  const { timeZone } = spec
  if (!isMissing(timeZone) && (old === undefined || old.timeZone !== timeZone)) {
    yield* validateTimeZone(timeZone, 'spec.timeZone')
  }
  yield* validateOneOf(spec.concurrencyPolicy, 'spec.concurrencyPolicy', {
    supported: ['Allow', 'Forbid', 'Replace'],
    requires: true,
  })
  const job = spec.jobTemplate?.spec ?? { template: {} }
  yield* validateJobSpec(job, 'spec.jobTemplate.spec')
  if (!isMissing(job.selector)) {
    const why = '`selector` will be auto-generated'
    yield invalidValue('spec.jobTemplate.spec.selector', job.selector, why)
  }
  if (job.manualSelector === true) {
    yield notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false'])
  }
  yield* validateNonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit')
  yield* validateNonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit')
}

function* validateSchedule(spec: CronJobSpec, old: CronJobSpec | undefined): Iterable<FieldError> {
  const path = 'spec.schedule'
  const schedule = textOf(spec.schedule)
  if (schedule === '') {
    yield required(path)
    return
  }
  const [, prefix = ''] = /^((?:CRON_)?TZ=\S+\s+)/.exec(schedule) ?? []
  const fault = scheduleFault(schedule.slice(prefix.length))
  if (fault !== undefined) yield invalidValue(path, schedule, fault)
  if (!schedule.includes('TZ')) return
  if (!textOf(old?.schedule).includes('TZ')) {
    const why = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
    yield invalidValue(path, schedule, why)
  } else if (!isMissing(spec.timeZone)) {
    const why = 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
    yield invalidValue(path, schedule, why)
  }
}

function scheduleFault(schedule: string): string | undefined {
  try {
    parseCronSchedule(schedule)
    return undefined
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return why.replace(/^failed to parse duration (?!@)/, 'failed to parse duration @every ')
  }
}

function* validateTimeZone(name: string, path: string): Iterable<FieldError> {
  if (name === '') {
    yield invalidValue(path, name, 'timeZone must be nil or non-empty string')
    return
  }
  const isWellFormed = name
    .split('/')
    .every((part) => /^[A-Za-z.\-_0-9+]{1,14}$/.test(part) && !/^(?:\.\.?$|-)/.test(part))
  if (name.toLowerCase() === 'local') {
    const why =
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
    yield invalidValue(path, name, why)
  }
  if (isWellFormed && (name === 'Local' || findTimeZone(name) !== undefined)) return
  yield invalidValue(path, name, `unknown time zone ${name}`)
}
