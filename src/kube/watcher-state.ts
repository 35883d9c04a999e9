// SPDX-License-Identifier: Apache-2.0
// The states of following a collection, and which comes next; pure, so that each way a watch can end
// is a line of a test. What is known of the collection is never thrown away on the way: after the
// first list only a lost place (410) leads back to listing, and even then the old state stands until
// the new list is complete.
import { backoffMs } from '../util/backoff.ts'
import type { BackoffOptions } from '../util/backoff.ts'
import { VkError } from '../util/vk-error.ts'
import { ApiError, isGone } from './api-error.ts'

/** Where the watcher stands. `failures` counts attempts in a row that brought nothing. */
export type WatcherState =
  /** The collection's state must be read whole, by a watch that begins with it. */
  | { readonly kind: 'streamList'; readonly failures: number }
  /** The same page by page, for servers that refuse the former. */
  | { readonly kind: 'pageList'; readonly failures: number }
  /** The state is known as of `resourceVersion`; changes follow from there. */
  | {
      readonly kind: 'watch'
      readonly resourceVersion: string
      readonly listKind: 'streamList' | 'pageList'
      readonly failures: number
    }

/** How an attempt in a state ended. */
export interface AttemptEnd {
  readonly cause:
    /** The pages of a list were read to the end. */
    | { readonly type: 'listed' }
    /** The server closed the stream in the normal way. */
    | { readonly type: 'closed' }
    /** Nothing came for longer than the server may be silent. */
    | { readonly type: 'silent' }
    | { readonly type: 'failed'; readonly error: unknown }
  /** The newest known resourceVersion, if the attempt reached a complete state. */
  readonly resourceVersion: string | undefined
  /** Did it bring anything: an object, a bookmark, a page? */
  readonly hasProgressed: boolean
  /** How long the watch was open; 0 when the server never accepted it. */
  readonly openMs: number
}

/** What to do next. */
export interface WatcherStep {
  readonly state: WatcherState
  readonly pauseMs: number
}

const backoff: BackoffOptions = { baseMs: 250, factor: 2, capMs: 15_000, jitter: 0.5 }

// A stream that lives for this long is a success even if nothing happened in it.
const healthyMs = 5000

/** Failures in a row, given that the attempt failed. */
export function failuresAfter(state: WatcherState, end: AttemptEnd): number {
  return isHealthy(end) ? 1 : state.failures + 1
}

/** The state after an attempt, and how long to wait before it is entered. */
export function nextStep(
  state: WatcherState,
  end: AttemptEnd,
  random: () => number = Math.random,
): WatcherStep {
  const { cause } = end
  if (cause.type === 'failed') return afterFailure(state, { ...end, error: cause.error }, random)
  const failures = isHealthy(end) || cause.type === 'silent' ? 0 : state.failures + 1
  const pauseMs = backoffMs(failures, backoff, random)
  if (end.resourceVersion !== undefined) {
    return { state: watchFrom(end.resourceVersion, state, failures), pauseMs }
  }
  // A streamed list that ends, or falls silent, before its end was marked: the server may not know
  // the feature at all and serve a plain watch.
  if (state.kind === 'streamList') return { state: { kind: 'pageList', failures }, pauseMs }
  return { state: { ...state, failures }, pauseMs }
}

function isHealthy(end: AttemptEnd): boolean {
  return end.hasProgressed || end.openMs >= healthyMs
}

function afterFailure(
  state: WatcherState,
  end: AttemptEnd & { readonly error: unknown },
  random: () => number,
): WatcherStep {
  const { error } = end
  const failures = failuresAfter(state, end)
  if (isGone(error)) {
    // At once the first time; a place that is lost again and again is a reason to slow down.
    const kind = state.kind === 'watch' ? state.listKind : state.kind
    return { state: { kind, failures }, pauseMs: backoffMs(failures - 1, backoff, random) }
  }
  if (state.kind === 'streamList' && end.resourceVersion === undefined && isUnsupported(error)) {
    return { state: { kind: 'pageList', failures: state.failures }, pauseMs: 0 }
  }
  const wishMs = error instanceof VkError ? (error.retryAfterMs ?? 0) : 0
  const pauseMs = Math.max(backoffMs(failures, backoff, random), wishMs)
  if (end.resourceVersion !== undefined) {
    return { state: watchFrom(end.resourceVersion, state, failures), pauseMs }
  }
  return { state: { ...state, failures }, pauseMs }
}

function watchFrom(resourceVersion: string, state: WatcherState, failures: number): WatcherState {
  const listKind = state.kind === 'watch' ? state.listKind : state.kind
  return { kind: 'watch', resourceVersion, listKind, failures }
}

// Servers without the WatchList feature call the parameter forbidden (422) or invalid (400).
function isUnsupported(error: unknown): boolean {
  return error instanceof ApiError && (error.httpStatus === 400 || error.httpStatus === 422)
}
