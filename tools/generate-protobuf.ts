// SPDX-License-Identifier: Apache-2.0
// Generates src/control-plane/protobuf/messages.gen.ts: how the fields of the kinds that the embedded
// control plane reads are numbered in protobuf, from the .proto files of one Kubernetes release, as
// facts only (numbers, names, types). Names and the treatment of empty values come from the schemas of
// generate-schemas.ts, which has to run before.
// Usage: node tools/generate-protobuf.ts [GO_MODULE_CACHE], which holds k8s.io/api and k8s.io/apimachinery.
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { schemaSource } from '../src/control-plane/schema/schemas.gen.ts'

const release = '1.36.3'
const staging = `0.${release.slice(2)}`

interface ProtoField {
  readonly number: string
  readonly name: string
  /** `[]` for repeated, `{}` for maps, then a scalar or a message such as `core.v1.Pod`. */
  readonly type: string
}
type FieldCode = string | readonly [string, unknown]
type Properties = Readonly<Record<string, FieldCode>>

const schemas = JSON.parse(schemaSource) as Readonly<Record<string, { readonly p: Properties }>>

const scalars: Readonly<Record<string, string>> = {
  bool: 'b',
  bytes: 'y',
  int32: 'i',
  int64: 'l',
  string: 's',
}
// Messages whose JSON is no object of their fields.
const special: Readonly<Record<string, string>> = {
  'api.resource.Quantity': 'q',
  'meta.v1.FieldsV1': 'o',
  'meta.v1.MicroTime': 'u',
  'meta.v1.Time': 't',
  'runtime.RawExtension': 'o',
  'util.intstr.IntOrString': 'x',
}
// metrics.k8s.io is only read, and only as JSON.
const isExchanged = (name: string): boolean => !name.startsWith('metrics.')

async function main(): Promise<void> {
  const cache = process.argv[2] ?? execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' })
  const protos = new Map<string, readonly ProtoField[]>()
  const groups = new Set(
    Object.keys(schemas)
      .filter(isExchanged)
      .map((name) => name.slice(0, name.lastIndexOf('.'))),
  )
  for (const group of groups) {
    const text = await readFile(protoFileOf(group, join(cache.trim(), 'k8s.io')), 'utf8')
    parseProto(text, group, protos)
  }
  await writeOut(encodeMessages(protos))
}

function protoFileOf(group: string, modules: string): string {
  const folder = group.replaceAll('.', '/')
  const isMeta = group === 'meta.v1'
  return isMeta
    ? join(modules, `apimachinery@v${staging}/pkg/apis/${folder}/generated.proto`)
    : join(modules, `api@v${staging}/${folder}/generated.proto`)
}

function parseProto(text: string, group: string, into: Map<string, readonly ProtoField[]>): void {
  let fields: ProtoField[] = []
  for (const line of text.split('\n')) {
    const start = /^message (\w+) \{/.exec(line)
    if (start) into.set(`${group}.${start[1]}`, (fields = []))
    const field = /^ {2}(optional|repeated|map<string, ([\w.]+)>) ([\w.]+) ?(\w*) = (\d+)/.exec(
      line,
    )
    if (!field) continue
    const [, label = '', ofMap, third = '', fourth = '', number = ''] = field
    const prefix = ofMap !== undefined ? '{}' : label === 'repeated' ? '[]' : ''
    const type = prefix + typeName(ofMap ?? third, group)
    fields.push({ number, name: ofMap !== undefined ? third : fourth, type })
  }
}

function typeName(type: string, group: string): string {
  if (scalars[type] !== undefined) return type
  if (!type.startsWith('.')) return `${group}.${type}`
  return type.replace(/^\.k8s\.io\.(api\.|apimachinery\.pkg\.(apis\.)?)/, '')
}

function encodeMessages(
  protos: ReadonlyMap<string, readonly ProtoField[]>,
): Readonly<Record<string, string>> {
  const messages: Record<string, string> = {}
  const queue = Object.keys(schemas)
    .filter(isExchanged)
    .map((name) => ({ name, properties: schemas[name]?.p ?? {} }))
  for (const { name, properties } of queue) {
    const fields = protos.get(name)
    // A few structs are on the wire as JSON only: the answers of discovery.
    if (!fields || messages[name] !== undefined) continue
    const inlined: string[] = []
    messages[name] = fields
      .map((field) => encodeField(field, { name, properties, protos, inlined }))
      .join(',')
    queue.push(...inlined.map((one) => ({ name: one, properties })))
  }
  return messages
}

interface Owner {
  readonly name: string
  readonly properties: Properties
  readonly protos: ReadonlyMap<string, readonly ProtoField[]>
  readonly inlined: string[]
}

/** `number:name:code`, where the code is that of the schemas, or `+` and the message that is inlined. */
function encodeField(field: ProtoField, { name, properties, protos, inlined }: Owner): string {
  const property = Object.keys(properties).find(
    (one) => one.toLowerCase() === field.name.toLowerCase(),
  )
  if (property === undefined) {
    if (!protos.has(field.type)) {
      throw new Error(`Cannot place field '${field.name}' of ${name}: the schema has none such`)
    }
    inlined.push(field.type)
    return `${field.number}::+${field.type}`
  }
  const code = properties[property] ?? ''
  const text = typeof code === 'string' ? code : code[0]
  const presence = /[!*]$/.exec(text)?.[0] ?? ''
  return `${field.number}:${property}:${codeOf(field.type, protos)}${presence}`
}

function codeOf(type: string, protos: Owner['protos']): string {
  if (/^(\[\]|\{\})/.test(type)) return type.slice(0, 2) + codeOf(type.slice(2), protos)
  const code = scalars[type] ?? special[type]
  if (code !== undefined) return code
  const [only, ...others] = protos.get(type) ?? []
  // Such as ExtraValue, which JSON knows as a list only.
  const isListInMessage = only?.name === 'items' && others.length === 0
  if (isListInMessage && !schemas[type]) return `w${codeOf(only.type, protos)}`
  return `@${type}`
}

async function writeOut(messages: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.keys(messages)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(messages[name])}`)
  const text = `// SPDX-License-Identifier: Apache-2.0
// Generated by tools/generate-protobuf.ts from Kubernetes ${release}. Do not edit.
// JSON of messages by name; message-catalog.ts explains the codes. A text, for that is fastest to load.

export const messageSource: string = String.raw\`{
${lines.join(',\n')}
}\`
`
  await writeFile(new URL('../src/control-plane/protobuf/messages.gen.ts', import.meta.url), text)
  process.stdout.write(`${lines.length} messages, ${text.length} bytes\n`)
}

await main()
