// SPDX-License-Identifier: Apache-2.0
// The query of /logs/: which service's or file's log, and of what time. Read and judged in the order
// and the words of the kubelet, which kubectl passes on as they are.

/** What is asked for. */
export interface NodeLogQuery {
  readonly services: readonly string[]
  readonly files: readonly string[]
  readonly sinceTime?: Date
  readonly untilTime?: Date
  readonly tailLines?: number
  readonly boot?: number
  readonly pattern?: string
}

/** `none`: nothing was asked, the path alone counts. */
export type ParsedLogQuery =
  | { readonly kind: 'none' }
  | { readonly kind: 'query'; readonly query: NodeLogQuery }
  | { readonly kind: 'refused'; readonly status: 400 | 406; readonly why: string }

const maxServices = 4
const maxServiceLength = 256
const maxTailLines = 100_000

/** Parses and checks. */
export function parseLogQuery(search: URLSearchParams): ParsedLogQuery {
  const names = search.getAll('query').filter((name) => name.trim() !== '')
  const faults: string[] = []
  if (search.has('query') && names.length === 0)
    faults.push('query: Invalid value: may not be empty')
  const time = (key: string): Date | undefined => {
    const text = search.get(key) ?? ''
    if (text === '') return undefined
    const date = new Date(/^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/i.test(text) ? text : '')
    if (!Number.isNaN(date.getTime())) return date
    faults.push(`${key}: Invalid value: ${JSON.stringify(text)}: invalid time format`)
    return undefined
  }
  const integer = (key: string): number | undefined => {
    const text = search.get(key) ?? ''
    if (text === '') return undefined
    if (/^[+-]?\d{1,15}$/.test(text)) return Number(text)
    faults.push(`${key}: Invalid value: ${JSON.stringify(text)}: must be a whole number`)
    return undefined
  }
  const sinceTime = time('sinceTime')
  const untilTime = time('untilTime')
  const boot = integer('boot')
  const tailLines = integer('tailLines')
  const pattern = search.get('pattern') || undefined
  if (faults.length > 0) return { kind: 'refused', status: 400, why: faults.join(', ') }
  const options = {
    ...(sinceTime && { sinceTime }),
    ...(untilTime && { untilTime }),
    ...(boot !== undefined && { boot }),
    ...(tailLines !== undefined && { tailLines }),
    ...(pattern !== undefined && { pattern }),
  }
  if (names.length === 0 && Object.keys(options).length === 0) return { kind: 'none' }
  const files = names.filter((name) => /[/\\]/.test(name))
  const services = names.filter((name) => !/[/\\]/.test(name))
  const why = faultOf({ files, services, ...options })
  if (why !== undefined) return { kind: 'refused', status: 406, why }
  return { kind: 'query', query: { files, services, ...options } }
}

function faultOf(query: NodeLogQuery): string | undefined {
  const { boot = 0, files, pattern = '', services, sinceTime, tailLines = 0, untilTime } = query
  const hasOptions = Object.keys(query).length > 2
  const checks: readonly (readonly [boolean, string])[] = [
    [services.some((name) => name.length > maxServiceLength), 'query: the name is too long'],
    [
      services.some((name) => !/^[a-zA-Z\-_.:0-9@]+$/.test(name)),
      'query: Invalid value: input contains unsupported characters',
    ],
    [services.length > maxServices, `query: Too many: must have at most ${maxServices} items`],
    [files.length + services.length === 0, 'query: Required value: cannot be empty with options'],
    [files.length > 0 && services.length > 0, 'query: cannot specify a file and service'],
    [files.length > 1, 'query: cannot specify more than one file'],
    [files.length === 1 && hasOptions, 'query: cannot specify file with options'],
    [
      sinceTime !== undefined && untilTime !== undefined && sinceTime > untilTime,
      'untilTime: Invalid value: must be after `sinceTime`',
    ],
    [boot > 0, 'boot: Invalid value: must be less than 1'],
    [
      tailLines < 0 || tailLines > maxTailLines,
      `tailLines: Invalid value: must be between 0 and ${maxTailLines}, inclusive`,
    ],
    [pattern.includes('\n') || pattern.includes('\0'), 'pattern: Invalid value: one line only'],
  ]
  return checks.find(([isFault]) => isFault)?.[1]
}
