// SPDX-License-Identifier: Apache-2.0
// Our types as the schemas of OpenAPI documents, in the two dialects that the API speaks: version 3 has
// defaults and wraps references, version 2 has neither.
import { kindDescriptions } from './kind-descriptions.ts'
import type { FieldSchema, TypeSchema } from '../schema-catalog.ts'

/** A node of an OpenAPI document. */
export type OpenApiNode = Readonly<Record<string, unknown>>

export interface Dialect {
  readonly version: 2 | 3
  /** Told of every type that a schema refers to. */
  readonly onReference: (name: string) => void
}

/** `core.v1.Pod` -> `io.k8s.api.core.v1.Pod`. */
export function fullName(name: string): string {
  if (name.startsWith('meta.')) return `io.k8s.apimachinery.pkg.apis.${name}`
  if (/^(api\.resource|util|runtime)\./.test(name)) return `io.k8s.apimachinery.pkg.${name}`
  return name.startsWith('metrics.') ? `io.k8s.metrics.pkg.apis.${name}` : `io.k8s.api.${name}`
}

export function referenceTo(name: string, { version, onReference }: Dialect): OpenApiNode {
  onReference(name)
  const place = version === 3 ? '#/components/schemas/' : '#/definitions/'
  return { $ref: place + fullName(name) }
}

/** The schema of a struct. */
export function schemaOfType(type: TypeSchema, dialect: Dialect): OpenApiNode {
  const properties = [...type.fields].map(
    ([name, field]) => [name, schemaOfField(field, dialect)] as const,
  )
  const [, , kind = ''] = type.kinds[0] ?? []
  const description = kindDescriptions[kind]
  return {
    ...(description !== undefined && { description }),
    type: 'object',
    ...(type.required.length > 0 && { required: type.required }),
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
    ...(type.kinds.length > 0 && { 'x-kubernetes-group-version-kind': kindsOf(type) }),
    ...(type.isAtomic && { 'x-kubernetes-map-type': 'atomic' }),
  }
}

/** The schema of the list of a kind. */
export function schemaOfList(type: TypeSchema, dialect: Dialect): OpenApiNode {
  const items = wrapped(type.name, { dialect, fallback: {} })
  return {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      items: { type: 'array', items },
      kind: { type: 'string' },
      metadata: wrapped('meta.v1.ListMeta', { dialect, fallback: {} }),
    },
    'x-kubernetes-group-version-kind': kindsOf(type).map((one) => ({
      ...one,
      kind: `${one.kind}List`,
    })),
  }
}

/** Types that are one value on the wire, although schemas refer to them by name. */
export function schemaOfScalarType(name: string, { version }: Dialect): OpenApiNode | undefined {
  switch (name) {
    case 'meta.v1.Time':
    case 'meta.v1.MicroTime':
      return { type: 'string', format: 'date-time' }
    case 'meta.v1.Duration':
      return { type: 'string' }
    case 'api.resource.Quantity':
      return version === 2
        ? { type: 'string' }
        : { oneOf: [{ type: 'string' }, { type: 'number' }] }
    case 'util.intstr.IntOrString':
      return version === 2
        ? { type: 'string', format: 'int-or-string' }
        : { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
    case 'meta.v1.FieldsV1':
    case 'meta.v1.Patch':
    case 'runtime.RawExtension':
      return { type: 'object' }
    default:
      return undefined
  }
}

function kindsOf({
  kinds,
}: TypeSchema): readonly { group: string; version: string; kind: string }[] {
  return kinds.map(([group, version, kind]) => ({ group, version, kind }))
}

function schemaOfField(field: FieldSchema, dialect: Dialect): OpenApiNode {
  const strategies = [
    ...(field.isMerged ? ['merge'] : []),
    ...(field.isRetainKeys ? ['retainKeys'] : []),
    ...(field.isReplaced ? ['replace'] : []),
  ]
  return {
    ...schemaOfValue(field, { dialect, isAlways: field.presence === 'always' }),
    ...(field.values && { enum: field.values }),
    ...(field.listType && { 'x-kubernetes-list-type': field.listType }),
    ...(field.listMapKeys.length > 0 && { 'x-kubernetes-list-map-keys': field.listMapKeys }),
    ...(field.isMapTypeSaid && {
      'x-kubernetes-map-type': field.isAtomicMap ? 'atomic' : 'granular',
    }),
    ...(field.mergeKey !== undefined && { 'x-kubernetes-patch-merge-key': field.mergeKey }),
    ...(strategies.length > 0 && { 'x-kubernetes-patch-strategy': strategies.join(',') }),
  }
}

function schemaOfValue(
  field: FieldSchema,
  { dialect, isAlways }: { readonly dialect: Dialect; readonly isAlways: boolean },
): OpenApiNode {
  const element = field.element
  if (element && field.kind === 'list') {
    return { type: 'array', items: schemaOfValue(element, { dialect, isAlways: true }) }
  }
  if (element) {
    const isNamed = nameOf(element) !== undefined
    const values = isNamed
      ? referenceTo(nameOf(element) ?? '', dialect)
      : schemaOfValue(element, { dialect, isAlways: true })
    return { type: 'object', additionalProperties: values }
  }
  const name = nameOf(field)
  if (name !== undefined) {
    const fallback = isAlways && field.kind === 'struct' ? {} : undefined
    return wrapped(name, { dialect, fallback })
  }
  const fallback = field.defaultValue ?? (isAlways ? zeros[field.kind] : undefined)
  const hasDefault = dialect.version === 3 && fallback !== undefined
  return { ...(hasDefault && { default: fallback }), ...scalars[field.kind] }
}

/** Version 3 can say something beside a reference only when it is wrapped. */
function wrapped(
  name: string,
  { dialect, fallback }: { readonly dialect: Dialect; readonly fallback: unknown },
): OpenApiNode {
  const reference = referenceTo(name, dialect)
  if (dialect.version === 2) return reference
  return { ...(fallback !== undefined && { default: fallback }), allOf: [reference] }
}

function nameOf(field: FieldSchema): string | undefined {
  switch (field.kind) {
    case 'struct':
      return field.type?.name
    case 'time':
      return 'meta.v1.Time'
    case 'microTime':
      return 'meta.v1.MicroTime'
    case 'duration':
      return 'meta.v1.Duration'
    case 'quantity':
      return 'api.resource.Quantity'
    case 'intOrString':
      return 'util.intstr.IntOrString'
    case 'any':
      return field.goType === 'runtime.RawExtension' ? 'runtime.RawExtension' : 'meta.v1.FieldsV1'
    default:
      return undefined
  }
}

const scalars: Readonly<Partial<Record<FieldSchema['kind'], OpenApiNode>>> = {
  boolean: { type: 'boolean' },
  bytes: { type: 'string', format: 'byte' },
  double: { type: 'number', format: 'double' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  string: { type: 'string' },
}

const zeros: Readonly<Partial<Record<FieldSchema['kind'], unknown>>> = {
  boolean: false,
  double: 0,
  int32: 0,
  int64: 0,
  string: '',
}
