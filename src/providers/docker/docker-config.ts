// SPDX-License-Identifier: Apache-2.0
// The docker provider's settings: where the engine is, what pods may touch of its host, and how images,
// networks and logs are kept. Judged once, at start; a mistake is a UserError that names the key.
import * as v from 'valibot'
import { absolutePath, describeMistake, quantity } from '../../util/setting-schemas.ts'
import { UserError } from '../../util/vk-error.ts'
import type { TlsFiles } from './engine/docker-cli-config.ts'

/** Settings of the docker provider, complete. README.md says what each is for. */
export interface DockerConfig {
  readonly host?: string | undefined
  readonly context?: string | undefined
  readonly tls?: TlsFiles | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly network?: string | undefined
  readonly pauseImage?: string | undefined
  readonly hostPathPrefixes: readonly string[]
  readonly allowPrivileged: boolean
  readonly allowHostNamespaces: boolean
  readonly allowedUnsafeSysctls: readonly string[]
  readonly runtimeHandlers: Readonly<Record<string, string>>
  readonly seccompProfileRoot?: string | undefined
  readonly cgroupParent: string | false
  readonly podPidsLimit?: number | undefined
  readonly logMaxSize: string
  readonly logMaxFiles: number
  readonly imageGcHighPercent: number
  readonly imageGcLowPercent: number
  readonly imageMinimumAgeSeconds: number
  readonly registryConfig?: string | undefined
  readonly capacity: Readonly<Record<string, string>>
}

const name = v.pipe(v.string(), v.minLength(1))
const percent = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100))
const strings = v.record(v.string(), v.string())

const entries = {
  host: v.optional(name),
  context: v.optional(name),
  tls: v.optional(
    v.strictObject({
      ca: v.optional(absolutePath),
      cert: v.optional(absolutePath),
      key: v.optional(absolutePath),
    }),
  ),
  headers: v.optional(strings, {}),
  network: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^(?!(host|none)$)[a-zA-Z0-9][a-zA-Z0-9_.-]*$/,
        'must be the name of a network, and not "host" or "none"',
      ),
    ),
  ),
  pauseImage: v.optional(name),
  hostPathPrefixes: v.optional(v.array(absolutePath), []),
  allowPrivileged: v.optional(v.boolean(), false),
  allowHostNamespaces: v.optional(v.boolean(), false),
  allowedUnsafeSysctls: v.optional(v.array(name), []),
  runtimeHandlers: v.optional(strings, {}),
  seccompProfileRoot: v.optional(absolutePath),
  cgroupParent: v.optional(v.union([absolutePath, v.literal(false)]), '/virtual-kubelet'),
  podPidsLimit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  logMaxSize: v.optional(
    v.pipe(v.string(), v.regex(/^[1-9][0-9]*[kmg]$/, 'must be a size such as 10m')),
    '10m',
  ),
  logMaxFiles: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 5),
  imageGcHighPercent: v.optional(percent, 85),
  imageGcLowPercent: v.optional(percent, 80),
  imageMinimumAgeSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 120),
  registryConfig: v.optional(absolutePath),
  capacity: v.optional(v.record(v.string(), quantity), {}),
}
const schema: v.GenericSchema<unknown, DockerConfig> = v.strictObject(entries)

/** Checks what stands under `providerConfig`; throws a UserError that lists every mistake. */
export function parseDockerConfig(config: unknown): DockerConfig {
  const result = v.safeParse(schema, config ?? {})
  if (!result.success) throw wrong(result.issues.map(describeMistake).join('; '))
  const parsed = result.output
  if (parsed.host !== undefined && parsed.context !== undefined) {
    throw wrong('"host" and "context" both say where the engine is: leave one out')
  }
  if (parsed.imageGcLowPercent > parsed.imageGcHighPercent) {
    throw wrong('"imageGcLowPercent" is above "imageGcHighPercent"')
  }
  return parsed
}

function wrong(what: string): UserError {
  return new UserError(`Cannot use the docker provider's configuration: ${what}`, {
    hint: `Its settings are: ${Object.keys(entries).join(', ')}.`,
  })
}
