// SPDX-License-Identifier: Apache-2.0
// The picture of a run on a terminal: a bar for each workload, a line for each pod that is under way.
// Pure: a view in, lines out, never more than fit.
import { styleText } from 'node:util'
import { wholeSecondsText } from '../text-table.ts'
import type { RunView, WorkloadView } from './judge-run.ts'
import type { PodView } from './pod-view.ts'

export interface FrameSize {
  readonly columns: number
  /** Lines that the frame may have at most. */
  readonly rows: number
  readonly hasColor: boolean
}

type Style = Parameters<typeof styleText>[0]
type Paint = (style: Style, text: string) => string

const barWidth = 30
const marks = { running: '•', succeeded: '✔', failed: '✘' } as const
const stateStyles = { running: 'cyan', succeeded: 'green', failed: 'red' } as const

/** The lines to draw. */
export function progressFrame(view: RunView, size: FrameSize): readonly string[] {
  const { columns, rows } = size
  const paint = size.hasColor ? paintText : (_style: Style, text: string) => text
  const titleWidth = Math.max(...view.workloads.map(({ title }) => title.length), 0)
  const lines = view.workloads.map((workload) =>
    workloadLine(workload, { titleWidth, columns, paint }),
  )
  const pods = view.pods.filter(isUnderWay).toSorted(byUrgency)
  const room = Math.max(0, rows - lines.length)
  const shown = pods.length > room ? pods.slice(0, Math.max(0, room - 1)) : pods
  const nameWidth = Math.max(...shown.map(({ name }) => name.length), 0)
  lines.push(...shown.map((pod) => podLine(pod, { nameWidth, columns, paint })))
  const hidden = pods.length - shown.length
  if (hidden > 0) lines.push(paint('dim', `  … and ${hidden} more pods`))
  return lines.slice(0, rows)
}

function workloadLine(
  workload: WorkloadView,
  layout: { readonly titleWidth: number; readonly columns: number; readonly paint: Paint },
): string {
  const { titleWidth, columns, paint } = layout
  const { state, title, done, total, failed, active, isEndless, message } = workload
  const style = stateStyles[state]
  const counts = [
    total === undefined ? `${done} done` : `${done}/${total}`,
    ...(isEndless ? ['ready'] : []),
    ...(active > 0 && !isEndless ? [`${active} active`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(message ? [message] : []),
  ].join(', ')
  const head = `${title.padEnd(titleWidth)} `
  const width = Math.min(barWidth, Math.max(5, columns - head.length - 30))
  const text = cut(counts, columns - head.length - width - 5)
  return `${paint(style, marks[state])} ${head}${bar(workload, { width, paint })} ${text}`
}

function bar(
  { done, failed, active, total }: WorkloadView,
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string {
  const whole = Math.max(total ?? done + active, done, 1)
  const full = Math.round((done / whole) * width)
  const begun = Math.min(width - full, Math.round((Math.min(active, whole - done) / whole) * width))
  const filled = paint(failed > 0 ? 'yellow' : 'green', '█'.repeat(full))
  return `${filled}${paint('cyan', '▒'.repeat(begun))}${paint('dim', '░'.repeat(width - full - begun))}`
}

function podLine(
  pod: PodView,
  layout: { readonly nameWidth: number; readonly columns: number; readonly paint: Paint },
): string {
  const { nameWidth, columns, paint } = layout
  const { name, status, runMs, queueMs, restarts, message } = pod
  const time = wholeSecondsText(runMs ?? queueMs)
  const extra = [
    ...(restarts > 0 ? [`${restarts} restarts`] : []),
    ...(message && status !== 'Running' ? [message] : []),
  ].join(', ')
  const plain = `  ${name.padEnd(nameWidth)}  ${status}  ${time}  ${extra}`.trimEnd()
  const line = cut(plain, columns)
  const style: Style = status === 'Running' ? 'cyan' : status === 'Pending' ? 'dim' : 'yellow'
  return line.replace(status, paint(style, status))
}

function isUnderWay({ hasEnded, isGone }: PodView): boolean {
  return !hasEnded && !isGone
}

/** What has trouble first, then what runs, then what waits. */
function byUrgency(one: PodView, other: PodView): number {
  return rank(one) - rank(other)
}

function rank({ status }: PodView): number {
  return status === 'Running' ? 1 : status === 'Pending' ? 2 : 0
}

function cut(text: string, width: number): string {
  const line = text.replaceAll(/\s+/g, (space) => (space.includes('\n') ? ' ' : space))
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`
}

function paintText(style: Style, text: string): string {
  // The caller has decided whether there is a terminal.
  return text === '' ? '' : styleText(style, text, { validateStream: false })
}
