// SPDX-License-Identifier: Apache-2.0
// The answers of /healthz and /readyz, in the words of Kubernetes' own: `ok`, or with `?verbose` or a
// failure one line per check.
import { messageOf } from '../util/vk-error.ts'
import type { HealthCheck } from './kubelet-node.ts'
import type { TextAnswer } from './text-response.ts'

/** Checks that a kubelet always has; `syncloop` comes from whoever runs the pods. */
export function withKubeletChecks(checks: readonly HealthCheck[]): readonly HealthCheck[] {
  const always = ['ping', 'log', 'syncloop'].filter((name) => checks.every((c) => c.name !== name))
  return [...always.map((name) => ({ name, check: () => undefined })), ...checks]
}

/** The whole report. `title` is `healthz` or `readyz`. */
export function healthReport(
  checks: readonly HealthCheck[],
  { title, query }: { readonly title: string; readonly query: URLSearchParams },
): TextAnswer {
  const excluded = new Set(query.getAll('exclude').filter((name) => name !== ''))
  const lines: string[] = []
  let hasFailed = false
  for (const check of checks) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok\n`)
    } else if (failureOf(check) === undefined) {
      lines.push(`[+]${check.name} ok\n`)
    } else {
      hasFailed = true
      lines.push(`[-]${check.name} failed: reason withheld\n`)
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => JSON.stringify(name)).join(',')
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}\n`)
  }
  if (hasFailed) return { status: 500, text: `${lines.join('')}${title} check failed\n` }
  if (!query.has('verbose')) return { status: 200, text: 'ok' }
  return { status: 200, text: `${lines.join('')}${title} check passed\n` }
}

/** One check alone, with its reason. */
export function singleHealthReport(check: HealthCheck): TextAnswer {
  const failure = failureOf(check)
  if (failure === undefined) return { status: 200, text: 'ok' }
  return { status: 500, text: `internal server error: ${failure}\n` }
}

function failureOf(check: HealthCheck): string | undefined {
  try {
    return check.check()
  } catch (error) {
    return messageOf(error)
  }
}
