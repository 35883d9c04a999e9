// SPDX-License-Identifier: Apache-2.0
// Which start of a CronJob is due, and when to look again. Pure.
import type { CronJob } from '../../../kube/types.gen.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import type { CronSchedule } from './cron-schedule.ts'

/** The starts between the last one and now. */
export interface DueStarts {
  /** Where the count begins: the last start, the creation, or the starting deadline. */
  readonly sinceMs: number
  /** The latest start that has come; undefined when none has. */
  readonly dueMs: number | undefined
  /** How many have come, approximately. */
  readonly count: number
}

/** Starts are late by this much, lest a clock that runs behind sees them as not due yet. */
const paddingMs = 100
const tooMany = 100

/** Throws an Error for a schedule whose days do not exist. */
export function dueStarts(
  cronJob: CronJob,
  parts: {
    readonly schedule: CronSchedule
    readonly nowMs: number
    /** Whether starts before the starting deadline are out of the question. */
    readonly heedsDeadline: boolean
  },
): DueStarts {
  const { schedule, nowMs, heedsDeadline } = parts
  const sinceMs = countSinceMs(cronJob, { nowMs, heedsDeadline })
  const first = schedule.next(sinceMs)
  if (first !== undefined && nowMs < first) return { sinceMs, dueMs: undefined, count: 0 }
  const second = first === undefined ? undefined : schedule.next(first)
  if (first === undefined || second === undefined) {
    throw new Error('time difference between two schedules is less than 1 second')
  }
  if (nowMs < second) return { sinceMs, dueMs: first, count: 1 }
  const interval = second - first
  const count = Math.floor((nowMs - first) / interval) + 1
  // Intervals vary; the search for the latest start begins two of them early.
  let dueMs: number | undefined
  for (
    let start = schedule.next(first + (count - 2) * interval);
    start !== undefined && start <= nowMs;
    start = schedule.next(start)
  ) {
    dueMs = start
  }
  return { sinceMs, dueMs, count }
}

/** More than a person would call a few. */
export function isTooMany({ count }: DueStarts): boolean {
  return count > tooMany
}

/** Milliseconds until the next start. */
export function nextStartInMs(
  cronJob: CronJob,
  { schedule, nowMs }: { readonly schedule: CronSchedule; readonly nowMs: number },
): number | undefined {
  const next = schedule.next(latestMs(cronJob, { schedule, nowMs }))
  return next === undefined ? undefined : Math.max(0, next + paddingMs - nowMs)
}

function latestMs(
  cronJob: CronJob,
  { schedule, nowMs }: { readonly schedule: CronSchedule; readonly nowMs: number },
): number {
  try {
    const due = dueStarts(cronJob, { schedule, nowMs, heedsDeadline: false })
    return due.dueMs ?? (due.count === 0 ? due.sinceMs : nowMs)
  } catch {
    // The schedule has no starts behind it; what counts is what lies ahead.
    return nowMs
  }
}

function countSinceMs(
  { metadata, spec, status }: CronJob,
  { nowMs, heedsDeadline }: { readonly nowMs: number; readonly heedsDeadline: boolean },
): number {
  const sinceMs =
    parseWireTime(status?.lastScheduleTime) ?? parseWireTime(metadata.creationTimestamp) ?? nowMs
  const { startingDeadlineSeconds } = spec
  if (!heedsDeadline || startingDeadlineSeconds === undefined) return sinceMs
  return Math.max(sinceMs, nowMs - startingDeadlineSeconds * 1000)
}
