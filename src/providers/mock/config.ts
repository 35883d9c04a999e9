// SPDX-License-Identifier: Apache-2.0
// The mock provider's configuration. The Go project's mock has a file of its own shape, by node name;
// it is understood too, so that existing set-ups work as they are.
import * as v from 'valibot'
import { parseQuantity } from '../../util/quantity.ts'
import { UserError } from '../../util/vk-error.ts'
import { behaviourSchema, type Behaviour } from './behaviour.ts'
import { addressRange } from './address-pool.ts'

const quantity = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform(String),
  v.check(
    (text) => isReadable(() => parseQuantity(text)),
    'must be a quantity such as 500m or 4Gi',
  ),
)
const cidr = v.pipe(
  v.string(),
  v.check(
    (text) => isReadable(() => addressRange(text)),
    'must be an IPv4 range such as 10.0.0.0/8',
  ),
)

const configSchema = v.strictObject({
  capacity: v.optional(v.record(v.string(), quantity), {}),
  labels: v.optional(v.record(v.string(), v.string())),
  podCIDR: v.optional(cidr, '10.0.0.0/8'),
  providerID: v.optional(v.string()),
  /** While this file exists the backend is down; its content says why. */
  unhealthyFile: v.optional(v.string()),
  /** What pods do whose annotations say nothing. */
  defaults: v.optional(behaviourSchema, {}),
})

const goNodeSchema = v.strictObject({
  cpu: v.optional(quantity),
  memory: v.optional(quantity),
  pods: v.optional(quantity),
  others: v.optional(v.record(v.string(), quantity), {}),
  providerID: v.optional(v.string()),
})

const defaultCapacity = { cpu: '1000', memory: '4Ti', pods: '10000', 'ephemeral-storage': '4Ti' }

/** A checked configuration. */
export interface MockConfig {
  readonly capacity: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly podCIDR: string
  readonly providerID: string | undefined
  readonly unhealthyFile: string | undefined
  readonly defaults: Behaviour
}

/** Checks what the configuration file holds; UserError names the wrong key. */
export function parseMockConfig(config: unknown, nodeName: string): MockConfig {
  const parsed = v.parse(configSchema, {})
  const known = isGoConfig(config)
    ? { ...parsed, ...fromGoNode(config[nodeName]) }
    : check(configSchema, config ?? {})
  return {
    capacity: { ...defaultCapacity, ...known.capacity },
    labels: known.labels ?? {},
    podCIDR: known.podCIDR,
    providerID: known.providerID,
    unhealthyFile: known.unhealthyFile,
    defaults: known.defaults,
  }
}

/** True for `{ <node name>: { cpu, memory, … } }`: none of the keys is one of ours. */
function isGoConfig(config: unknown): config is Readonly<Record<string, unknown>> {
  if (typeof config !== 'object' || config === null) return false
  const entries = Object.entries(config)
  return (
    entries.length > 0 &&
    entries.every(
      ([key, node]) => !Object.hasOwn(configSchema.entries, key) && typeof node === 'object',
    )
  )
}

function fromGoNode(node: unknown): Pick<MockConfig, 'capacity' | 'providerID'> {
  const { cpu, memory, pods, others, providerID } = check(goNodeSchema, node ?? {})
  const capacity = {
    ...others,
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memory }),
    ...(pods !== undefined && { pods }),
  }
  return { capacity, providerID }
}

function check<S extends v.GenericSchema>(schema: S, config: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, config)
  if (result.success) return result.output
  const [issue] = result.issues
  const key = v.getDotPath(issue)
  const where = key === null ? '' : `"${key}" `
  const why = issue.type === 'strict_object' && key ? 'is no known key' : issue.message
  throw new UserError(`Cannot use configuration of provider mock: ${where}${why}`)
}

function isReadable(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch {
    // The schema's own message says what is expected.
    return false
  }
}
