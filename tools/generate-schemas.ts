// SPDX-License-Identifier: Apache-2.0
// Generates src/control-plane/schema/schemas.gen.ts: the types of the kinds that the embedded control
// plane serves, from the OpenAPI documents and the Go declarations of one Kubernetes release, as facts
// only (names, types, merge keys, which zero values the wire leaves out), without their prose.
// Usage: node tools/generate-schemas.ts [GO_MODULE_CACHE], which holds k8s.io/kubernetes and the
// modules of its staging area (`go mod download k8s.io/kubernetes@v1.36.3`).
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const release = '1.36.3'
const staging = `0.${release.slice(2)}`

interface Schema {
  readonly type?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly $ref?: string
  readonly allOf?: readonly Schema[]
  readonly default?: unknown
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-patch-merge-key'?: string
  readonly 'x-kubernetes-patch-strategy'?: string
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[]
}
interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}
/** One field as Go declares it. */
interface GoField {
  readonly type: string
  readonly isPointer: boolean
  readonly isOmittedEmpty: boolean
  readonly isOmittedZero: boolean
  /** The struct inside the type that declares it, where it is not the type itself. */
  readonly inlinedBy?: string
}
interface GoStruct {
  readonly fields: Map<string, GoField>
  readonly inlined: string[]
}

// Document of the group, then the kinds that are served from it.
const roots: Readonly<Record<string, string>> = {
  'api/v1':
    'Namespace Pod Node Event ConfigMap Secret Service Endpoints ServiceAccount PersistentVolumeClaim ' +
    'PersistentVolume LimitRange ResourceQuota PodTemplate Binding Eviction TokenRequest',
  'apis/apps/v1': 'Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision Scale',
  'apis/authentication.k8s.io/v1': 'TokenReview SelfSubjectReview',
  'apis/authorization.k8s.io/v1':
    'SubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview LocalSubjectAccessReview',
  'apis/batch/v1': 'Job CronJob',
  'apis/certificates.k8s.io/v1': 'CertificateSigningRequest',
  'apis/coordination.k8s.io/v1': 'Lease',
  'apis/discovery.k8s.io/v1': 'EndpointSlice',
  'apis/events.k8s.io/v1': 'Event',
  'apis/node.k8s.io/v1': 'RuntimeClass',
  'apis/policy/v1': 'PodDisruptionBudget',
  'apis/rbac.authorization.k8s.io/v1': 'Role RoleBinding ClusterRole ClusterRoleBinding',
  'apis/scheduling.k8s.io/v1': 'PriorityClass',
}
const metaKinds = 'Status DeleteOptions ListMeta APIResourceList WatchEvent'

const scalarRefs: Readonly<Record<string, string>> = {
  'meta.v1.Time': 't',
  'meta.v1.MicroTime': 'u',
  'meta.v1.FieldsV1': 'o',
  'meta.v1.Patch': 'o',
  'api.resource.Quantity': 'q',
  'util.intstr.IntOrString': 'x',
  'runtime.RawExtension': 'o',
}
const scalarGo: Readonly<Record<string, string>> = {
  s: 'string',
  b: 'bool',
  i: 'int32',
  l: 'int64',
  n: 'float64',
  y: '[]uint8',
  t: 'v1.Time',
  u: 'v1.MicroTime',
  q: 'resource.Quantity',
  x: 'intstr.IntOrString',
  d: 'v1.Duration',
}

// metrics.k8s.io is in no document of the release: k8s.io/metrics declares it.
const metricsTypes: Readonly<Record<string, unknown>> = {
  'metrics.v1beta1.ContainerMetrics': {
    r: ['name', 'usage'],
    p: { name: 's!', usage: ['{}q!', { g: 'v1.ResourceList' }] },
  },
  'metrics.v1beta1.NodeMetrics': {
    g: [['metrics.k8s.io', 'v1beta1', 'NodeMetrics']],
    r: ['timestamp', 'window', 'usage'],
    p: {
      apiVersion: 's',
      kind: 's',
      metadata: '@meta.v1.ObjectMeta!',
      timestamp: 't!',
      usage: ['{}q!', { g: 'v1.ResourceList' }],
      window: 'd!',
    },
  },
  'metrics.v1beta1.PodMetrics': {
    g: [['metrics.k8s.io', 'v1beta1', 'PodMetrics']],
    r: ['timestamp', 'window', 'containers'],
    p: {
      apiVersion: 's',
      containers: ['[]@metrics.v1beta1.ContainerMetrics!', { l: 'atomic' }],
      kind: 's',
      metadata: '@meta.v1.ObjectMeta!',
      timestamp: 't!',
      window: 'd!',
    },
  },
}

const shortName = (ref: string): string =>
  ref
    .replace('#/components/schemas/', '')
    .replace(/^io\.k8s\.(api\.|apimachinery\.pkg\.(apis\.)?)/, '')

function refOf(schema: Schema): string | undefined {
  const ref = schema.$ref ?? schema.allOf?.find((part) => part.$ref)?.$ref
  return ref === undefined ? undefined : shortName(ref)
}

function typeCode(schema: Schema): string {
  const ref = refOf(schema)
  if (ref !== undefined) return scalarRefs[ref] ?? `@${ref}`
  switch (schema.type) {
    case 'string':
      return schema.format === 'byte' ? 'y' : 's'
    case 'boolean':
      return 'b'
    case 'number':
      return 'n'
    case 'integer':
      return schema.format === 'int32' ? 'i' : 'l'
    case 'array':
      return `[]${typeCode(schema.items ?? {})}`
    default:
      return typeof schema.additionalProperties === 'object'
        ? `{}${typeCode(schema.additionalProperties)}`
        : 'o'
  }
}

function goTypeOf(code: string): string {
  if (code.startsWith('[]')) return `[]${goTypeOf(code.slice(2))}`
  if (code.startsWith('{}')) return `map[string]${goTypeOf(code.slice(2))}`
  if (code.startsWith('@')) return code.split('.').slice(-2).join('.')
  return scalarGo[code] ?? 'v1.FieldsV1'
}

/** `*` is kept whatever its value, `!` is always written, the rest is left out when empty. */
function presenceOf(code: string, field: GoField | undefined): string {
  if (!field || field.isOmittedZero) return ''
  if (field.isPointer) return '*'
  const isStruct = /^[@tuqx]/.test(code)
  return !field.isOmittedEmpty || isStruct ? '!' : ''
}

function encodeField(
  schema: Schema,
  field: GoField | undefined,
  values: readonly string[] | undefined,
): unknown {
  const code = typeCode(schema)
  const fallback = schema.default
  const presence = presenceOf(code, field)
  // The zero of what is always written goes without saying.
  const isSaid = Boolean(fallback) || presence !== '!'
  const hasDefault = fallback !== undefined && typeof fallback !== 'object' && isSaid
  const extras = {
    ...(schema['x-kubernetes-patch-merge-key'] && { k: schema['x-kubernetes-patch-merge-key'] }),
    ...(schema['x-kubernetes-patch-strategy'] && { s: schema['x-kubernetes-patch-strategy'] }),
    ...(schema['x-kubernetes-list-type'] && { l: schema['x-kubernetes-list-type'] }),
    ...(schema['x-kubernetes-list-map-keys'] && { m: schema['x-kubernetes-list-map-keys'] }),
    ...(schema['x-kubernetes-map-type'] && {
      a: schema['x-kubernetes-map-type'] === 'atomic' ? 1 : 0,
    }),
    ...(hasDefault && { d: fallback }),
    ...(values && { e: values }),
    ...(field && field.type !== goTypeOf(code) && { g: field.type }),
    ...(field?.inlinedBy !== undefined && field.inlinedBy !== 'TypeMeta' && { i: field.inlinedBy }),
  }
  const text = code + presence
  return Object.keys(extras).length > 0 ? [text, extras] : text
}

interface Facts {
  readonly fieldOf: (name: string) => GoField | undefined
  readonly valuesOf: (name: string) => readonly string[] | undefined
}

function encodeType(schema: Schema, { fieldOf, valuesOf }: Facts): unknown {
  const kinds = schema['x-kubernetes-group-version-kind']
  const properties = Object.entries(schema.properties ?? {})
  return {
    ...(kinds && { g: kinds.map(({ group, version, kind }) => [group, version, kind]) }),
    ...(schema['x-kubernetes-map-type'] === 'atomic' && { a: 1 }),
    ...(schema.required && { r: schema.required }),
    p: Object.fromEntries(
      properties.map(([name, property]) => [
        name,
        encodeField(property, fieldOf(name), valuesOf(name)),
      ]),
    ),
  }
}

/** Values that a field may have, by type and field; only the generated Go code has them. */
function parseEnums(source: string): ReadonlyMap<string, readonly string[]> {
  const enums = new Map<string, readonly string[]>()
  let type = ''
  let field = ''
  for (const line of source.split('\n')) {
    const start = /^func schema_k8sio_api_(\w+?)_(v\w+?)_(\w+)\(/.exec(line)
    if (start) type = start.slice(1).join('.')
    field = /^\t{5}"(\w+)": \{$/.exec(line)?.[1] ?? field
    const values = /^\t{7}Enum: +\[\]interface\{\}\{(.*)\},$/.exec(line)?.[1]
    if (values !== undefined) enums.set(`${type}.${field}`, JSON.parse(`[${values}]`) as string[])
  }
  return enums
}

function parseGo(source: string, into: Map<string, GoStruct>, folder: string): void {
  let current: GoStruct | undefined
  for (const line of source.split('\n')) {
    const start = /^type (\w+) struct \{/.exec(line)
    if (start) {
      current = { fields: new Map(), inlined: [] }
      into.set(`${folder}.${start[1]}`, current)
    } else if (line.startsWith('}')) {
      current = undefined
    } else if (current) {
      addGoField(current, line, folder)
    }
  }
}

function addGoField(struct: GoStruct, line: string, folder: string): void {
  const match = /^\t(?:\w+\s+)?([\w.[\]*]+)\s+`json:"([^"]*)"/.exec(line)
  if (!match) return
  const [, type = '', tag = ''] = match
  const [name = '', ...options] = tag.split(',')
  const bare = type.replace(/^\*/, '')
  if (options.includes('inline') || name === '') {
    const isMeta = bare.startsWith('metav1.')
    struct.inlined.push(
      isMeta ? `meta/v1.${bare.slice(7)}` : `${folder}.${bare.replace('v1.', '')}`,
    )
    return
  }
  struct.fields.set(name, {
    type: printedGoType(bare),
    isPointer: type.startsWith('*'),
    isOmittedEmpty: options.includes('omitempty'),
    isOmittedZero: options.includes('omitzero'),
  })
}

/** As Go's reflection prints it: packages by their own name, all of which are `v1`. */
function printedGoType(type: string): string {
  const named = type.replaceAll(/(?:metav1|corev1|apiv1|v1)\./g, 'v1.').replaceAll('*', '*')
  return named.replaceAll(/(?<![\w.])([A-Z]\w*)/g, 'v1.$1').replaceAll('[]byte', '[]uint8')
}

async function readDocument(folder: string, group: string): Promise<Record<string, Schema>> {
  const file = join(folder, `${group.replaceAll('/', '__')}_openapi.json`)
  const document = JSON.parse(await readFile(file, 'utf8')) as {
    components: { schemas: Record<string, Schema> }
  }
  const schemas = Object.entries(document.components.schemas)
  return Object.fromEntries(schemas.map(([name, schema]) => [shortName(name), schema]))
}

async function main(): Promise<void> {
  const cache = process.argv[2] ?? execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' })
  const modules = join(cache.trim(), 'k8s.io')
  const documents = join(modules, `kubernetes@v${release}/api/openapi-spec/v3`)
  const structs = new Map<string, GoStruct>()
  const metaSource = join(modules, `apimachinery@v${staging}/pkg/apis/meta/v1/types.go`)
  parseGo(await readFile(metaSource, 'utf8'), structs, 'meta/v1')
  const generated = `kubernetes@v${release}/pkg/generated/openapi/zz_generated.openapi.go`
  const enums = parseEnums(await readFile(join(modules, generated), 'utf8'))
  const types: Record<string, unknown> = { ...metricsTypes }
  for (const [group, kinds] of Object.entries(roots)) {
    const schemas = await readDocument(documents, group)
    const isServed = (name: string): boolean =>
      !name.startsWith('meta.') && kinds.split(' ').includes(name.split('.').at(-1) ?? '')
    const names = Object.keys(schemas).filter(isServed)
    const missing = kinds.split(' ').length - names.length
    if (missing > 0) throw new Error(`Cannot find all kinds of ${group}: ${names.join(', ')}`)
    const wanted = [...names, ...metaKinds.split(' ').map((kind) => `meta.v1.${kind}`)]
    await addTypes(wanted, schemas, {
      types,
      structs,
      enums,
      api: join(modules, `api@v${staging}`),
    })
  }
  await writeOut(types)
}

interface Sink {
  readonly types: Record<string, unknown>
  readonly structs: Map<string, GoStruct>
  readonly enums: ReadonlyMap<string, readonly string[]>
  readonly api: string
}

async function addTypes(
  names: readonly string[],
  schemas: Readonly<Record<string, Schema>>,
  sink: Sink,
): Promise<void> {
  const queue = [...names]
  for (const name of queue) {
    const schema = schemas[name]
    if (!schema || sink.types[name] !== undefined) continue
    await readGoOf(name, sink)
    const folder = name.split('.').slice(0, -1).join('/')
    const struct = `${folder}.${name.split('.').at(-1)}`
    sink.types[name] = encodeType(schema, {
      fieldOf: (field) => findGoField(sink.structs, struct, field),
      valuesOf: (field) => sink.enums.get(`${name}.${field}`),
    })
    const referred = JSON.stringify(schema).matchAll(/"\$ref":"([^"]+)"/g)
    queue.push(
      ...[...referred].map(([, ref = '']) => shortName(ref)).filter((one) => !scalarRefs[one]),
    )
  }
}

async function readGoOf(name: string, { structs, api }: Sink): Promise<void> {
  const folder = name.split('.').slice(0, -1).join('/')
  if (folder === 'meta/v1' || structs.has(`${folder}.`)) return
  structs.set(`${folder}.`, { fields: new Map(), inlined: [] })
  parseGo(await readFile(join(api, folder, 'types.go'), 'utf8'), structs, folder)
}

function findGoField(
  structs: ReadonlyMap<string, GoStruct>,
  struct: string,
  field: string,
): GoField | undefined {
  const found = structs.get(struct)
  if (!found) return undefined
  const own = found.fields.get(field)
  if (own) return own
  for (const inlined of found.inlined) {
    const deeper = findGoField(structs, inlined, field)
    if (deeper) return { ...deeper, inlinedBy: inlined.slice(inlined.lastIndexOf('.') + 1) }
  }
  return undefined
}

async function writeOut(types: Readonly<Record<string, unknown>>): Promise<void> {
  const lines = Object.keys(types)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(types[name])}`)
  const text = `// SPDX-License-Identifier: Apache-2.0
// Generated by tools/generate-schemas.ts from Kubernetes ${release}. Do not edit.
// JSON of types by name; schema-catalog.ts explains the codes. A text, for that is fastest to load.

export const schemaSource: string = String.raw\`{
${lines.join(',\n')}
}\`
`
  const target = new URL('../src/control-plane/schema/schemas.gen.ts', import.meta.url)
  await writeFile(target, text)
  process.stdout.write(`${lines.length} types, ${text.length} bytes\n`)
}

await main()
