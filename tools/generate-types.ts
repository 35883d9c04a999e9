// SPDX-License-Identifier: Apache-2.0
// Generates src/kube/types.gen.ts from the OpenAPI v3 documents of a Kubernetes API server, so that
// our types are the wire and nothing else; the documents' prose stays where it is, for kubectl explain
// has it. Usage: node tools/generate-types.ts SOURCE, where SOURCE is a folder of *_openapi.json files
// (api/openapi-spec/v3 of the Kubernetes source) or the base URL of an API server that answers
// /openapi/v3 without credentials (such as one behind kubectl proxy).
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

interface Schema {
  readonly type?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly $ref?: string
  readonly allOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly 'x-kubernetes-group-version-kind'?: readonly { readonly kind: string }[]
}
interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
  readonly paths: Readonly<Record<string, unknown>>
}

const roots: Readonly<Record<string, readonly string[]>> = {
  'api/v1': [
    'Pod',
    'Node',
    'Secret',
    'ConfigMap',
    'Service',
    'Namespace',
    'Event',
    'ServiceAccount',
    'Endpoints',
    'PersistentVolumeClaim',
    'PersistentVolume',
    'TokenRequest',
    'Eviction',
    'Binding',
    'LimitRange',
    'ResourceQuota',
  ],
  'apis/apps/v1': [
    'Deployment',
    'ReplicaSet',
    'StatefulSet',
    'DaemonSet',
    'ControllerRevision',
    'Scale',
  ],
  'apis/authentication.k8s.io/v1': ['TokenReview', 'SelfSubjectReview'],
  'apis/authorization.k8s.io/v1': [
    'SubjectAccessReview',
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
    'LocalSubjectAccessReview',
  ],
  'apis/batch/v1': ['Job', 'CronJob'],
  'apis/certificates.k8s.io/v1': ['CertificateSigningRequest'],
  'apis/coordination.k8s.io/v1': ['Lease'],
  'apis/node.k8s.io/v1': ['RuntimeClass'],
  'apis/policy/v1': ['PodDisruptionBudget'],
  'apis/rbac.authorization.k8s.io/v1': ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
  'apis/scheduling.k8s.io/v1': ['PriorityClass'],
}

// What is a plain value on the wire, although the schema gives it a name.
const scalars: Readonly<Record<string, string>> = {
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'string',
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'string',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'number | string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'Readonly<Record<string, unknown>>',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'Readonly<Record<string, unknown>>',
}

async function readDocument(source: string, group: string): Promise<Document> {
  if (/^https?:/.test(source)) {
    const response = await fetch(new URL(`/openapi/v3/${group}`, source))
    if (!response.ok) throw new Error(`Cannot read ${group} from ${source}: ${response.status}`)
    return (await response.json()) as Document
  }
  const file = `${group.replaceAll('/', '__')}_openapi.json`
  return JSON.parse(await readFile(join(source, file), 'utf8')) as Document
}

const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf('.') + 1)
const refOf = (schema: Schema): string | undefined =>
  (schema.$ref ?? schema.allOf?.find((part) => part.$ref)?.$ref)?.replace(
    '#/components/schemas/',
    '',
  )

function typeOf(schema: Schema, seen: (ref: string) => void): string {
  const ref = refOf(schema)
  if (ref !== undefined) {
    const scalar = scalars[ref]
    if (scalar !== undefined) return scalar
    seen(ref)
    return nameOf(ref)
  }
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'array': {
      const item = typeOf(schema.items ?? {}, seen)
      return item.includes('|') ? `readonly (${item})[]` : `readonly ${item}[]`
    }
    case 'object': {
      const values = schema.additionalProperties
      if (typeof values === 'object') return `Readonly<Record<string, ${typeOf(values, seen)}>>`
      return 'Readonly<Record<string, unknown>>'
    }
    default:
      return 'unknown'
  }
}

function isNamespaced(document: Document, kind: string): boolean {
  return Object.entries(document.paths).some(
    ([path, item]) =>
      path.includes('/namespaces/{namespace}/') &&
      JSON.stringify(item).includes(`"kind":"${kind}"`),
  )
}

function declare(
  name: string,
  schema: Schema,
  metadata: string | undefined,
  seen: (ref: string) => void,
): string {
  const required = new Set(schema.required)
  const lines = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    let type = typeOf(property, seen)
    let isRequired = required.has(key)
    if (metadata !== undefined && key === 'metadata') [type, isRequired] = [metadata, true]
    if (metadata !== undefined && key === 'spec') isRequired = true
    const safeKey = /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)
    return `  readonly ${safeKey}${isRequired ? '' : '?'}: ${type}`
  })
  return `export interface ${name} {\n${lines.join('\n')}\n}\n`
}

async function main(source: string | undefined): Promise<void> {
  if (source === undefined) throw new Error('Usage: node tools/generate-types.ts FOLDER|URL')
  const schemas = new Map<string, Schema>()
  const metadataOf = new Map<string, string>()
  const wanted: string[] = []
  for (const [group, kinds] of Object.entries(roots)) {
    const document = await readDocument(source, group)
    for (const [ref, schema] of Object.entries(document.components.schemas))
      schemas.set(ref, schema)
    const prefix = Object.keys(document.components.schemas).filter((ref) =>
      ref.startsWith('io.k8s.api.'),
    )
    for (const kind of kinds) {
      const ref = prefix.find((candidate) => {
        const gvk = document.components.schemas[candidate]?.['x-kubernetes-group-version-kind']
        return nameOf(candidate) === kind && gvk !== undefined
      })
      if (ref === undefined) throw new Error(`Cannot find ${kind} in ${group}`)
      metadataOf.set(ref, isNamespaced(document, kind) ? 'NamespacedMeta' : 'StoredMeta')
      wanted.push(ref)
    }
  }
  wanted.push('io.k8s.apimachinery.pkg.apis.meta.v1.Status')
  const done = new Map<string, string>()
  const nameOwner = new Map<string, string>()
  while (wanted.length > 0) {
    const ref = wanted.pop() as string
    if (done.has(ref)) continue
    const name = nameOf(ref)
    const owner = nameOwner.get(name)
    if (owner !== undefined && owner !== ref)
      throw new Error(`Two schemas are called ${name}: ${owner}, ${ref}`)
    nameOwner.set(name, ref)
    done.set(
      ref,
      declare(name, schemas.get(ref) ?? {}, metadataOf.get(ref), (other) => wanted.push(other)),
    )
  }
  const body = [...done]
    .sort(([a], [b]) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .map(([, text]) => text)
  await writeFile(
    new URL('../src/kube/types.gen.ts', import.meta.url),
    `${header}\n${body.join('\n')}`,
  )
}

const header = `// SPDX-License-Identifier: Apache-2.0
// Generated by tools/generate-types.ts from the API server's OpenAPI v3 documents. Do not edit.
// Objects are plain wire JSON: times and quantities are strings, everything is readonly.

/** Metadata of an object that the API server has stored. */
export type StoredMeta = ObjectMeta & { readonly name: string; readonly uid: string }
/** Metadata of a stored object that lives in a namespace. */
export type NamespacedMeta = StoredMeta & { readonly namespace: string }
`

await main(process.argv[2])
