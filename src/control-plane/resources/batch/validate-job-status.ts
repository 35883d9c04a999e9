// SPDX-License-Identifier: Apache-2.0
// Judges the status of a Job: counters that do not run backwards, and conditions that fit together.
import type { Job, JobSpec, JobStatus } from '../../../kube/types.gen.ts'
import { invalidField, invalidValue, required, type FieldError } from '../../objects/field-error.ts'
import { isImmutable, validateNonNegative } from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import { countIndexes } from './job-indexes.ts'

export function* validateJobStatus(next: Job, old: Job): Iterable<FieldError> {
  const after = next.status ?? {}
  const before = old.status ?? {}
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) {
    yield* validateNonNegative(after[field], `status.${field}`)
  }
  const spec = next.spec ?? { template: {} }
  yield* validateConditions(after)
  yield* validateTimes(after, before, spec)
  if (isFinished(after)) yield* validateFinished(after, before, spec)
  yield* validateIndexes(after, before, spec)
  if (!isMissing(after.ready) && after.ready > (after.active ?? 0)) {
    yield invalidValue('status.ready', after.ready, 'cannot set more ready pods than active')
  }
  yield* validateCounters(after, before, spec)
}

function has(status: JobStatus, type: string): boolean {
  return listOf(status.conditions).some((one) => one.type === type && one.status === 'True')
}

function isFinished(status: JobStatus): boolean {
  return has(status, 'Complete') || has(status, 'Failed')
}

const together: readonly (readonly [string, string, string])[] = [
  ['Complete', 'Failed', 'cannot set Complete=True and Failed=true conditions'],
  ['Complete', 'FailureTarget', 'cannot set Complete=True and FailureTarget=true conditions'],
  ['SuccessCriteriaMet', 'Failed', 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
  [
    'SuccessCriteriaMet',
    'FailureTarget',
    'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
  ],
]

function* validateConditions(status: JobStatus): Iterable<FieldError> {
  const path = 'status.conditions'
  for (const [one, other, why] of together) {
    if (has(status, one) && has(status, other)) yield invalidField(path, why)
  }
  if (has(status, 'Failed') && !has(status, 'FailureTarget')) {
    const why = 'cannot set Failed=True condition without the FailureTarget=true condition'
    yield invalidField(path, why)
  }
  if (has(status, 'Complete') && !has(status, 'SuccessCriteriaMet')) {
    const why = 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition'
    yield invalidField(path, why)
  }
}

function* validateTimes(next: JobStatus, old: JobStatus, spec: JobSpec): Iterable<FieldError> {
  const { completionTime, startTime } = next
  const path = 'status.completionTime'
  if (!isMissing(completionTime) && !has(next, 'Complete')) {
    const why = 'cannot set completionTime when there is no Complete=True condition'
    yield invalidValue(path, completionTime, why)
  }
  if (isMissing(completionTime) && has(next, 'Complete')) {
    yield required(path, 'completionTime is required for Complete jobs')
  }
  if (!isMissing(startTime) && !isMissing(completionTime)) {
    if (Date.parse(completionTime) < Date.parse(startTime)) {
      yield invalidValue(path, completionTime, 'must be equal to or after `startTime`')
    }
  }
  const isMoved = !isMissing(completionTime) && completionTime !== old.completionTime
  if (isMoved && !isMissing(old.completionTime)) {
    yield invalidValue(path, completionTime, isImmutable)
  }
  const wasSuspended = has(old, 'Suspended')
  const isStarted = !isMissing(old.startTime) && old.startTime !== startTime
  if (isStarted && spec.suspend !== true && !(wasSuspended && !has(next, 'Suspended'))) {
    const why = 'field is immutable for unsuspended job once set'
    yield invalidValue('status.startTime', startTime ?? null, why)
  }
}

function* validateFinished(next: JobStatus, old: JobStatus, spec: JobSpec): Iterable<FieldError> {
  if ((next.active ?? 0) > 0) {
    yield invalidValue('status.active', next.active, 'active>0 is invalid for finished job')
  }
  const isEmptyRun = spec.suspend === true && spec.completions === 0
  if (isMissing(next.startTime) && !isEmptyRun && !isFinished(old)) {
    yield required('status.startTime', 'startTime is required for finished job')
  }
  const { uncountedTerminatedPods: uncounted, terminating } = next
  if (listOf(uncounted?.failed).length + listOf(uncounted?.succeeded).length > 0) {
    const why = 'must be empty for finished job'
    yield invalidValue('status.uncountedTerminatedPods', uncounted, why)
  }
  if ((terminating ?? 0) > 0) {
    const why = 'terminating>0 is invalid for finished job'
    yield invalidValue('status.terminating', terminating, why)
  }
}

function* validateIndexes(next: JobStatus, old: JobStatus, spec: JobSpec): Iterable<FieldError> {
  const { completedIndexes, failedIndexes } = next
  const { completions } = spec
  if (textOf(completedIndexes) !== textOf(old.completedIndexes)) {
    const path = 'status.completedIndexes'
    const count = isMissing(completions) ? 0 : countIndexes(textOf(completedIndexes), completions)
    if (typeof count === 'string') {
      yield invalidValue(path, completedIndexes, `error parsing completedIndexes: ${count}`)
    }
    if (textOf(completedIndexes) !== '' && spec.completionMode !== 'Indexed') {
      const why = 'cannot set non-empty completedIndexes when non-indexed completion mode'
      yield invalidValue(path, completedIndexes, why)
    }
  }
  if (isMissing(failedIndexes) || failedIndexes === old.failedIndexes) return
  const path = 'status.failedIndexes'
  if (isMissing(spec.backoffLimitPerIndex)) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'
    yield invalidValue(path, failedIndexes, why)
  } else if (!isMissing(completions)) {
    const count = countIndexes(failedIndexes, completions)
    if (typeof count === 'string') {
      yield invalidValue(path, failedIndexes, `error parsing failedIndexes: ${count}`)
    }
  }
}

function* validateCounters(next: JobStatus, old: JobStatus, spec: JobSpec): Iterable<FieldError> {
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (!has(old, type) || has(next, type)) continue
    yield invalidField('status.conditions', `cannot disable the terminal ${type}=True condition`)
  }
  if ((next.failed ?? 0) < (old.failed ?? 0)) {
    yield invalidValue('status.failed', next.failed ?? 0, 'cannot decrease the failed counter')
  }
  const isElastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism
  if (!isElastic && (next.succeeded ?? 0) < (old.succeeded ?? 0)) {
    const why = 'cannot decrease the succeeded counter'
    yield invalidValue('status.succeeded', next.succeeded ?? 0, why)
  }
  if (has(old, 'SuccessCriteriaMet') && !has(next, 'SuccessCriteriaMet')) {
    const why = 'cannot disable the SuccessCriteriaMet=True condition'
    yield invalidField('status.conditions', why)
  }
}
