// SPDX-License-Identifier: Apache-2.0
// Metrics in the Prometheus text format, for figures that are read when somebody asks. What is counted
// as it happens is in observe/metrics.ts.

/** The type of the answers that carry it. */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8'

export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
  /** When it was measured, milliseconds since the epoch. */
  readonly atMs?: number
  /** Appended to the family's name: `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix?: string
}

export interface MetricFamily {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly MetricSample[]
}

/** The families as text; one without samples is left out. */
export function metricText(families: readonly MetricFamily[]): string {
  return families.map(familyText).join('')
}

function familyText({ name, type, help, samples }: MetricFamily): string {
  if (samples.length === 0) return ''
  const lines = samples.map(({ labels = {}, value, atMs, suffix = '' }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`)
    const set = pairs.length === 0 ? '' : `{${pairs.join(',')}}`
    return `${name}${suffix}${set} ${numberText(value)}${atMs === undefined ? '' : ` ${atMs}`}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

function escapeLabel(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}
