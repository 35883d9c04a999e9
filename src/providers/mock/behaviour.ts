// SPDX-License-Identifier: Apache-2.0
// How one mock pod behaves: from its annotations `mock.virtual-kubelet.io/<setting>`, over the defaults
// of the configuration. The same settings, one schema.
import * as v from 'valibot'
import type { Pod } from '../../kube/types.gen.ts'
import { VkError, type VkErrorCode } from '../../util/vk-error.ts'

/** Begins every annotation that this provider reads. */
export const annotationPrefix = 'mock.virtual-kubelet.io/'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const codes = [
  'NotFound',
  'Invalid',
  'Conflict',
  'Unauthorized',
  'Unavailable',
  'Timeout',
  'Unsupported',
  'QuotaExceeded',
  'Internal',
] as const satisfies readonly VkErrorCode[]

const text = v.pipe(v.union([v.string(), v.number()]), v.transform(String))
const duration = v.pipe(
  text,
  v.regex(/^\d+(?:\.\d+)?(?:ms|s|m|h)?$/, 'must be a duration such as 500ms, 2s or 1m'),
  v.transform((value) => Number.parseFloat(value) * (unitMs[value.replace(/^[\d.]+/, '')] ?? 1000)),
)
const wholeNumber = v.pipe(
  text,
  v.regex(/^\d{1,9}$/, 'must be a whole number'),
  v.transform(Number),
)
const times = v.union(
  [
    v.pipe(
      v.literal('always'),
      v.transform(() => Number.POSITIVE_INFINITY),
    ),
    wholeNumber,
  ],
  'must be a whole number or "always"',
)
const calls = v.union([v.literal('create'), v.literal('delete')], 'must be "create" or "delete"')
const code = v.picklist(codes, `must be one of ${codes.join(', ')}`)
const addresses = v.pipe(
  text,
  v.transform((value) => value.split(',').map((address) => address.trim())),
)

/** What a pod does; an absent setting means: nothing special. Durations in milliseconds. */
export interface Behaviour {
  readonly 'start-delay'?: number | undefined
  readonly 'run-time'?: number | undefined
  readonly 'exit-code'?: number | undefined
  readonly 'stop-delay'?: number | undefined
  /** How many calls fail; infinite for `always`. */
  readonly 'fail-create'?: number | undefined
  readonly 'fail-create-code'?: VkErrorCode | undefined
  readonly 'fail-delete'?: number | undefined
  readonly 'fail-delete-code'?: VkErrorCode | undefined
  readonly 'lose-reply'?: number | undefined
  readonly hang?: 'create' | 'delete' | undefined
  readonly 'pod-ip'?: readonly string[] | undefined
  readonly 'log-lines'?: number | undefined
}

/** Settings by the name that follows the prefix. */
export const behaviourSchema: v.GenericSchema<unknown, Behaviour> = v.strictObject({
  'start-delay': v.optional(duration),
  'run-time': v.optional(duration),
  'exit-code': v.optional(v.pipe(wholeNumber, v.maxValue(255, 'must be at most 255'))),
  'stop-delay': v.optional(duration),
  'fail-create': v.optional(times),
  'fail-create-code': v.optional(code),
  'fail-delete': v.optional(times),
  'fail-delete-code': v.optional(code),
  'lose-reply': v.optional(times),
  hang: v.optional(calls),
  'pod-ip': v.optional(addresses),
  'log-lines': v.optional(v.pipe(wholeNumber, v.maxValue(1_000_000, 'must be at most 1000000'))),
})

/** The pod's own settings over the defaults; VkError Invalid for one that makes no sense. */
export function behaviourOf(pod: Pod, defaults: Behaviour): Behaviour {
  const settings = settingsOf(pod.metadata.annotations)
  if (!settings) return defaults
  const result = v.safeParse(behaviourSchema, settings)
  if (result.success) return { ...defaults, ...result.output }
  const [issue] = result.issues
  const setting = v.getDotPath(issue) ?? ''
  const why = issue.type === 'strict_object' ? 'no such setting' : issue.message
  throw new VkError('Invalid', `Cannot use annotation "${annotationPrefix}${setting}": ${why}`)
}

function settingsOf(annotations: Pod['metadata']['annotations']): object | undefined {
  let settings: Record<string, string> | undefined
  for (const name in annotations) {
    if (!name.startsWith(annotationPrefix)) continue
    settings ??= {}
    settings[name.slice(annotationPrefix.length)] = annotations[name] ?? ''
  }
  return settings
}
