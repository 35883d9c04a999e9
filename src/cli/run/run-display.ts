// SPDX-License-Identifier: Apache-2.0
// What a person or a script sees while a run goes on. Without a terminal: logs on standard output, and a
// line on standard error whenever a pod or a workload changes.
import { wholeSecondsText } from '../text-table.ts'
import type { RunView, WorkloadView } from './judge-run.ts'
import type { PodView } from './pod-view.ts'

/** Where a run is shown. */
export interface RunDisplay extends Disposable {
  /** How often the picture wants to be drawn anew although nothing changed. */
  readonly refreshMs: number
  /** A remark, such as `created job/crunch`. */
  note(line: string): void
  /** A line that a container wrote; `source` is the pod's name, with the container's where it has several. */
  logLine(source: string, line: string): void
  show(view: RunView): void
}

/** Where text goes. */
export interface TextSink {
  write(text: string): unknown
}

/** Plain lines. */
export class PlainDisplay implements RunDisplay {
  readonly refreshMs = 1000
  readonly #logs: TextSink
  readonly #notes: TextSink
  readonly #said = new Map<string, string>()

  constructor(sinks: { readonly logs: TextSink; readonly notes: TextSink }) {
    this.#logs = sinks.logs
    this.#notes = sinks.notes
  }

  note(line: string): void {
    this.#notes.write(`${line}\n`)
  }

  logLine(source: string, line: string): void {
    this.#logs.write(`${source} | ${line}\n`)
  }

  show({ pods, workloads }: RunView): void {
    for (const pod of pods) if (pod.status !== 'Pending') this.#say(pod.uid, podText(pod))
    for (const workload of workloads) {
      if (workload.title.startsWith('pod/')) continue
      this.#say(`workload ${workload.uid}`, workloadText(workload))
    }
  }

  [Symbol.dispose](): void {
    this.#said.clear()
  }

  #say(key: string, text: string): void {
    if (this.#said.get(key) === text) return
    this.#said.set(key, text)
    this.note(text)
  }
}

function podText({
  name,
  status,
  node,
  exitCode,
  message,
  hasEnded,
  runMs,
  restarts,
}: PodView): string {
  const details = [
    ...(node !== undefined && !hasEnded ? [`on ${node}`] : []),
    ...(hasEnded && exitCode !== undefined ? [`exit code ${exitCode}`] : []),
    ...(hasEnded && runMs !== undefined ? [`ran ${wholeSecondsText(runMs)}`] : []),
    ...(restarts > 0 ? [restarts === 1 ? '1 restart' : `${restarts} restarts`] : []),
    ...(message && status !== 'Running' ? [message.replaceAll(/\s+/g, ' ')] : []),
  ]
  return `pod/${name} ${status}${details.length === 0 ? '' : ` (${details.join(', ')})`}`
}

function workloadText({
  title,
  done,
  total,
  failed,
  isEndless,
  state,
  message,
}: WorkloadView): string {
  const counts = total === undefined ? `${done}` : `${done}/${total}`
  const failures = failed > 0 ? `, ${failed} failed` : ''
  const end = state === 'running' ? '' : `, ${state}`
  return `${title} ${counts} ${isEndless ? 'ready' : 'done'}${failures}${end}${message ? `: ${message}` : ''}`
}
