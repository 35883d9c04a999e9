// SPDX-License-Identifier: Apache-2.0
// What is to be done about a CronJob now. Pure: (desired, observed, now) -> actions, status, events.
import type { CronJob, CronJobStatus, Job, ObjectReference } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { EventRecord } from '../cluster-api.ts'
import { finishedCondition } from '../job/job-facts.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import { parseCronSchedule } from './cron-schedule.ts'
import type { CronSchedule } from './cron-schedule.ts'
import { dueStarts, isTooMany, nextStartInMs } from './missed-starts.ts'
import { findTimeZone, utc } from './time-zone.ts'

export interface CronJobView {
  readonly cronJob: CronJob
  /** The Jobs that it controls. */
  readonly jobs: readonly Job[]
  readonly nowMs: number
}

export interface CronJobDecision {
  /** The status before anything new is started. */
  readonly status: CronJobStatus
  readonly events: readonly EventRecord[]
  /** Running Jobs that have to make room. */
  readonly replace: readonly ObjectReference[]
  /** The scheduled time of a Job that is to be started. */
  readonly startMs?: number
  readonly againInMs?: number
}

export function decideCronJob(view: CronJobView): CronJobDecision {
  const { status, events } = observeJobs(view)
  const { cronJob } = view
  const nothing = { status, events, replace: [] }
  if (cronJob.metadata.deletionTimestamp !== undefined) return nothing
  const { timeZone, suspend = false, schedule: text } = cronJob.spec
  const zone = timeZone === undefined ? utc : findTimeZone(timeZone)
  if (!zone) {
    const name = timeZone ?? ''
    const message = `invalid timeZone: ${JSON.stringify(name)}: unknown time zone ${name}`
    return { ...nothing, events: [...events, warning('UnknownTimeZone', message)] }
  }
  if (suspend) return nothing
  let schedule: CronSchedule
  try {
    schedule = parseCronSchedule(text, zone)
  } catch (error) {
    const message = `unparseable schedule: ${JSON.stringify(text)} : ${messageOf(error)}`
    return { ...nothing, events: [...events, warning('UnparseableSchedule', message)] }
  }
  return decideStart({ ...view, cronJob: { ...cronJob, status } }, { schedule, events })
}

/** Finished Jobs beyond the history limits, oldest first. */
export function surplusJobs({ cronJob, jobs }: CronJobView): readonly Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec
  return [
    ...oldest(jobs, { type: 'Complete', limit: successfulJobsHistoryLimit }),
    ...oldest(jobs, { type: 'Failed', limit: failedJobsHistoryLimit }),
  ]
}

/** The name of the Job that is started for `startMs`: of two attempts one fails. */
export function jobNameOf({ metadata }: CronJob, startMs: number): string {
  return `${metadata.name}-${Math.floor(startMs / 60_000)}`
}

/** `status` without a Job among the active ones. */
export function withoutActive(status: CronJobStatus, uid: string | undefined): CronJobStatus {
  const { active = [], ...rest } = status
  const left = active.filter((reference) => reference.uid !== uid)
  return { ...rest, ...(left.length > 0 && { active: left }) }
}

function decideStart(
  { cronJob, nowMs }: CronJobView,
  parts: { readonly schedule: CronSchedule; readonly events: readonly EventRecord[] },
): CronJobDecision {
  const { schedule } = parts
  const { spec, status = {} } = cronJob
  const { active = [] } = status
  const events = [...parts.events]
  const nothing = { status, events, replace: [] }
  let due: ReturnType<typeof dueStarts>
  try {
    due = dueStarts(cronJob, { schedule, nowMs, heedsDeadline: true })
  } catch (error) {
    events.push(
      warning('InvalidSchedule', `invalid schedule: ${spec.schedule} : ${messageOf(error)}`),
    )
    return nothing
  }
  const next = nextStartInMs(cronJob, { schedule, nowMs })
  const later = { ...nothing, ...(next !== undefined && { againInMs: next }) }
  const { dueMs } = due
  if (dueMs === undefined) return later
  if (isTooMany(due)) events.push(warning('TooManyMissedTimes', tooManyMessage))
  const obstacle = obstacleTo(cronJob, { dueMs, nowMs })
  if (obstacle) {
    events.push(...obstacle)
    return later
  }
  const started = { ...status, lastScheduleTime: new Date(dueMs).toISOString() }
  const afterStart = nextStartInMs({ ...cronJob, status: started }, { schedule, nowMs })
  return {
    status,
    events,
    replace: spec.concurrencyPolicy === 'Replace' ? active : [],
    startMs: dueMs,
    ...(afterStart !== undefined && { againInMs: afterStart }),
  }
}

/** What is said of a start that is due and may not be made; undefined when it may. */
function obstacleTo(
  cronJob: CronJob,
  { dueMs, nowMs }: { readonly dueMs: number; readonly nowMs: number },
): readonly EventRecord[] | undefined {
  const { startingDeadlineSeconds = Infinity, concurrencyPolicy } = cronJob.spec
  const { active = [], lastScheduleTime } = cronJob.status ?? {}
  if (dueMs + startingDeadlineSeconds * 1000 < nowMs) {
    const when = new Date(dueMs).toUTCString().replace('GMT', '+0000')
    return [warning('MissSchedule', `Missed scheduled time to start a job: ${when}`)]
  }
  const name = jobNameOf(cronJob, dueMs)
  const isStarted = active.some((reference) => reference.name === name)
  if (isStarted || parseWireTime(lastScheduleTime) === dueMs) return []
  if (concurrencyPolicy !== 'Forbid' || active.length === 0) return undefined
  return [{ type: 'Normal', reason: 'JobAlreadyActive', message: alreadyActiveMessage }]
}

const tooManyMessage =
  'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew'
const alreadyActiveMessage =
  'Not starting job because prior execution is running and concurrency policy is Forbid'

/** Takes note of Jobs that have finished, appeared or vanished. */
function observeJobs({ cronJob, jobs }: CronJobView): {
  readonly status: CronJobStatus
  readonly events: readonly EventRecord[]
} {
  let status: CronJobStatus = cronJob.status ?? {}
  const events: EventRecord[] = []
  for (const job of jobs) {
    const { uid, name } = job.metadata
    const isListed = (status.active ?? []).some((reference) => reference.uid === uid)
    const finished = finishedCondition(job)
    if (!finished) {
      if (isListed) continue
      const message = `Saw a job that the controller did not create or forgot: ${name}`
      events.push(warning('UnexpectedJob', message))
      continue
    }
    if (isListed) {
      status = withoutActive(status, uid)
      const message = `Saw completed job: ${name}, condition: ${finished.type}`
      events.push({ type: 'Normal', reason: 'SawCompletedJob', message })
    }
    if (finished.type === 'Complete') status = withSuccess(status, job.status?.completionTime)
  }
  const present = new Set(jobs.map(({ metadata }) => metadata.uid))
  for (const { uid, name } of status.active ?? []) {
    if (uid !== undefined && present.has(uid)) continue
    status = withoutActive(status, uid)
    const message = `Active job went missing: ${name}`
    events.push({ type: 'Normal', reason: 'MissingJob', message })
  }
  return { status, events }
}

function withSuccess(status: CronJobStatus, completionTime: string | undefined): CronJobStatus {
  const isLater =
    (parseWireTime(completionTime) ?? 0) > (parseWireTime(status.lastSuccessfulTime) ?? 0)
  if (completionTime === undefined || !isLater) return status
  return { ...status, lastSuccessfulTime: completionTime }
}

function oldest(
  jobs: readonly Job[],
  { type, limit }: { readonly type: string; readonly limit: number | undefined },
): readonly Job[] {
  if (limit === undefined) return []
  const ended = jobs.filter((job) => finishedCondition(job)?.type === type)
  const startMs = (job: Job): number => parseWireTime(job.status?.startTime) ?? Infinity
  return ended
    .toSorted((a, b) => {
      if (startMs(a) !== startMs(b)) return startMs(a) - startMs(b)
      return a.metadata.name < b.metadata.name ? -1 : 1
    })
    .slice(0, Math.max(0, ended.length - limit))
}

function warning(reason: string, message: string): EventRecord {
  return { type: 'Warning', reason, message }
}
