// SPDX-License-Identifier: Apache-2.0
// The process provider's settings: which programs, users and host paths pods may use, and what the
// node offers. Judged once, at start; a mistake is a UserError that names the key.
import { statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import * as v from 'valibot'
import { absolutePath, describeMistake, quantity } from '../../util/setting-schemas.ts'
import { UserError } from '../../util/vk-error.ts'
import { highestId, parseIdRanges } from './id-ranges.ts'

const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(highestId))
const ranges = v.pipe(
  v.array(v.union([id, v.string()])),
  v.check(
    (list) => parseIdRanges(list) !== undefined,
    'must hold numbers or ranges like "1000-1999"',
  ),
)
const capability = v.pipe(
  v.string(),
  v.regex(/^[A-Z][A-Z_]*$/, 'must hold names such as NET_ADMIN'),
)

/** Settings of the process provider, complete. README.md says what each is for. */
export interface ProcessConfig {
  readonly imagePath: readonly string[]
  readonly defaultUser?: number | undefined
  readonly allowedUsers: readonly (number | string)[]
  readonly allowedGroups: readonly (number | string)[]
  readonly allowRoot: boolean
  readonly hostPathPrefixes: readonly string[]
  readonly isolation: 'auto' | 'bubblewrap' | 'none'
  readonly imageDirPrefixes: readonly string[]
  readonly network: 'host' | 'none'
  readonly visibleHostPaths: readonly string[]
  readonly allowedCapabilities: readonly string[]
  readonly seccompDefault: boolean
  readonly hideRootDir: 'auto' | 'never' | 'always'
  readonly cgroupRoot: string | false
  readonly podPidsLimit?: number | undefined
  readonly reachablePorts: 'pod' | 'host'
  readonly capacity: Readonly<Record<string, string>>
}

const entries = {
  imagePath: v.optional(v.array(absolutePath), []),
  defaultUser: v.optional(id),
  allowedUsers: v.optional(ranges, []),
  allowedGroups: v.optional(ranges, []),
  allowRoot: v.optional(v.boolean(), false),
  hostPathPrefixes: v.optional(v.array(absolutePath), []),
  isolation: v.optional(v.picklist(['auto', 'bubblewrap', 'none']), 'auto'),
  imageDirPrefixes: v.optional(v.array(absolutePath), []),
  network: v.optional(v.picklist(['host', 'none']), 'host'),
  visibleHostPaths: v.optional(v.array(absolutePath), []),
  allowedCapabilities: v.optional(v.array(capability), []),
  seccompDefault: v.optional(v.boolean(), false),
  hideRootDir: v.optional(v.picklist(['auto', 'never', 'always']), 'auto'),
  cgroupRoot: v.optional(v.union([absolutePath, v.literal(false)]), '/virtual-kubelet'),
  podPidsLimit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  reachablePorts: v.optional(v.picklist(['pod', 'host']), 'pod'),
  capacity: v.optional(v.record(v.string(), quantity), {}),
}
const schema: v.GenericSchema<unknown, ProcessConfig> = v.strictObject(entries)

/** Checks what stands under `providerConfig`; throws a UserError that lists every mistake. */
export function parseProcessConfig(config: unknown): ProcessConfig {
  const result = v.safeParse(schema, config ?? {})
  if (!result.success) {
    const mistakes = result.issues.map(describeMistake)
    throw new UserError(`Cannot use the process provider's configuration: ${mistakes.join('; ')}`, {
      hint: `Its settings are: ${Object.keys(entries).join(', ')}.`,
    })
  }
  const parsed = result.output
  if (parsed.defaultUser === 0 && !parsed.allowRoot) {
    throw new UserError(
      `Cannot use the process provider's configuration: "defaultUser" is 0 (root)`,
      { hint: 'Choose another user, or say allowRoot: true if pods may do anything to this host.' },
    )
  }
  return parsed
}

/** What the node offers: the machine's own size where the configuration says nothing. */
export function capacityOf(config: ProcessConfig, dir: string): Readonly<Record<string, string>> {
  const { bsize, blocks } = statfsSync(dir)
  return {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: '110',
    'ephemeral-storage': `${Math.floor((bsize * blocks) / 1024)}Ki`,
    ...config.capacity,
  }
}
