// SPDX-License-Identifier: Apache-2.0
// The pods that wait for a node: those to be looked at now, the most important and then the longest
// waiting first; those that failed and wait out a back-off; and those for which something has to
// change first. A pod is in one of the three at most, under its uid.
import type { PodFacts } from './pod-facts.ts'

/** A pod that waits, with what happened to it so far. */
export interface QueuedPod {
  readonly pod: PodFacts
  /** Tries that ended without a node. */
  readonly failures: number
  /** When it joined the pods that something has to change for. */
  readonly sinceMs: number
  /** Position among those of the same priority. */
  readonly order: number
}

/** Back-off after the n-th failure: 1 s, doubling to 10 s. */
export function backoffOf(failures: number): number {
  return Math.min(1000 * 2 ** Math.max(failures - 1, 0), 10_000)
}

/** How long a pod may wait for a change before it is looked at again anyway. */
export const maxWaitMs = 300_000

export class SchedulingQueue {
  readonly #active = new PodHeap()
  /** Held back until `dueMs`; early only when nothing else is to be done, unless it is an error. */
  readonly #backingOff = new Map<
    string,
    { readonly queued: QueuedPod; readonly dueMs: number; readonly isError: boolean }
  >()
  readonly #waiting = new Map<string, QueuedPod>()
  #orders = 0

  get size(): number {
    return this.#active.size + this.#backingOff.size + this.#waiting.size
  }

  /** Pods for which something has to change. */
  get waiting(): Iterable<QueuedPod> {
    return this.#waiting.values()
  }

  /** A pod that is new, or that has changed in what matters: it is looked at without delay. */
  add(pod: PodFacts): void {
    const known = this.#remove(pod.uid)
    const order = known?.order ?? this.#orders++
    this.#active.push({ pod, failures: known?.failures ?? 0, sinceMs: 0, order })
  }

  /** Keeps the pod where it is, with newer facts. */
  refresh(pod: PodFacts): void {
    const { uid } = pod
    this.#active.refresh(pod)
    const held = this.#backingOff.get(uid)
    if (held) this.#backingOff.set(uid, { ...held, queued: { ...held.queued, pod } })
    const waiting = this.#waiting.get(uid)
    if (waiting) this.#waiting.set(uid, { ...waiting, pod })
  }

  has(uid: string): boolean {
    return this.#active.has(uid) || this.#backingOff.has(uid) || this.#waiting.has(uid)
  }

  remove(uid: string): void {
    this.#remove(uid)
  }

  /** The pod that is to be looked at next. */
  pop(nowMs: number): QueuedPod | undefined {
    this.#releaseDue(nowMs)
    return this.#active.pop() ?? this.#popHeldBack()
  }

  /** After a try without a node: waits until something changes. */
  fail(queued: QueuedPod, nowMs: number): void {
    const { pod } = queued
    this.#waiting.set(pod.uid, { ...queued, failures: queued.failures + 1, sinceMs: nowMs })
  }

  /** After an error that has nothing to do with the cluster's state: waits out its back-off. */
  retryLater(queued: QueuedPod, nowMs: number): void {
    const failures = queued.failures + 1
    const dueMs = nowMs + backoffOf(failures)
    this.#backingOff.set(queued.pod.uid, { queued: { ...queued, failures }, dueMs, isError: true })
  }

  /** Something changed that may help these pods (all that wait, by default). */
  wake(nowMs: number, mayHelp: (queued: QueuedPod) => boolean = () => true): void {
    for (const [uid, queued] of this.#waiting) {
      if (!mayHelp(queued)) continue
      this.#waiting.delete(uid)
      const dueMs = queued.sinceMs + backoffOf(queued.failures)
      if (dueMs <= nowMs) this.#active.push(queued)
      else this.#backingOff.set(uid, { queued, dueMs, isError: false })
    }
  }

  /** When something falls due by itself; undefined when nothing will. */
  nextDueMs(): number | undefined {
    let next: number | undefined
    for (const { dueMs } of this.#backingOff.values()) next = Math.min(next ?? dueMs, dueMs)
    for (const { sinceMs } of this.#waiting.values()) {
      next = Math.min(next ?? Infinity, sinceMs + maxWaitMs)
      // They are in the order of their times.
      break
    }
    return next
  }

  /** Whether `pop` would give a pod. */
  hasWork(nowMs: number): boolean {
    this.#releaseDue(nowMs)
    return this.#active.size > 0 || [...this.#backingOff.values()].some(({ isError }) => !isError)
  }

  #releaseDue(nowMs: number): void {
    for (const [uid, { queued, dueMs }] of this.#backingOff) {
      if (dueMs > nowMs) continue
      this.#backingOff.delete(uid)
      this.#active.push(queued)
    }
    for (const [uid, queued] of this.#waiting) {
      if (queued.sinceMs + maxWaitMs > nowMs) break
      this.#waiting.delete(uid)
      this.#active.push(queued)
    }
  }

  #popHeldBack(): QueuedPod | undefined {
    let first: { readonly queued: QueuedPod; readonly dueMs: number } | undefined
    for (const held of this.#backingOff.values()) {
      if (!held.isError && (!first || held.dueMs < first.dueMs)) first = held
    }
    if (first) this.#backingOff.delete(first.queued.pod.uid)
    return first?.queued
  }

  #remove(uid: string): QueuedPod | undefined {
    const found =
      this.#active.remove(uid) ?? this.#backingOff.get(uid)?.queued ?? this.#waiting.get(uid)
    this.#backingOff.delete(uid)
    this.#waiting.delete(uid)
    return found
  }
}

// A binary heap by priority and order. What was removed stays in it until it comes up; `#byUid` tells.
class PodHeap {
  #heap: QueuedPod[] = []
  readonly #byUid = new Map<string, QueuedPod>()

  get size(): number {
    return this.#byUid.size
  }

  has(uid: string): boolean {
    return this.#byUid.has(uid)
  }

  push(queued: QueuedPod): void {
    this.#byUid.set(queued.pod.uid, queued)
    const heap = this.#heap
    let at = heap.push(queued) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (!above || !isBefore(queued, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = queued
  }

  refresh(pod: PodFacts): void {
    const queued = this.remove(pod.uid)
    if (queued) this.push({ ...queued, pod })
  }

  remove(uid: string): QueuedPod | undefined {
    const queued = this.#byUid.get(uid)
    this.#byUid.delete(uid)
    return queued
  }

  pop(): QueuedPod | undefined {
    for (let top = this.#popTop(); top; top = this.#popTop()) {
      if (this.#byUid.get(top.pod.uid) !== top) continue
      this.#byUid.delete(top.pod.uid)
      return top
    }
    return undefined
  }

  #popTop(): QueuedPod | undefined {
    const heap = this.#heap
    const [top] = heap
    const last = heap.pop()
    if (last && heap.length > 0) this.#sink(last)
    return top
  }

  #sink(queued: QueuedPod): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (!left) break
      const smaller = right && isBefore(right, left) ? right : left
      if (smaller === right) child += 1
      if (!isBefore(smaller, queued)) break
      heap[at] = smaller
      at = child
    }
    heap[at] = queued
  }
}

function isBefore(a: QueuedPod, b: QueuedPod): boolean {
  return a.pod.priority === b.pod.priority ? a.order < b.order : a.pod.priority > b.pod.priority
}
