// SPDX-License-Identifier: Apache-2.0
// The types of all kinds that the control plane serves, decoded from schemas.gen.ts when first asked
// for. Types refer to each other as objects, so that walking an object beside its type looks nothing up
// by name.
import { schemaSource } from './schemas.gen.ts'

export type FieldKind =
  | 'any'
  | 'boolean'
  | 'bytes'
  | 'double'
  | 'duration'
  | 'int32'
  | 'int64'
  | 'intOrString'
  | 'list'
  | 'map'
  | 'microTime'
  | 'quantity'
  | 'string'
  | 'struct'
  | 'time'

/** What the wire does with an empty value: left out, kept if it was given, or always written. */
export type Presence = 'omitEmpty' | 'kept' | 'always'

export interface FieldSchema {
  readonly kind: FieldKind
  /** Of a list's elements or a map's values. */
  readonly element: FieldSchema | undefined
  /** Of a struct. */
  readonly type: TypeSchema | undefined
  readonly presence: Presence
  /** Strategic merge patch: the key that tells a list's elements apart. */
  readonly mergeKey: string | undefined
  readonly isMerged: boolean
  readonly isRetainKeys: boolean
  /** An object that a patch replaces instead of merging it. */
  readonly isReplaced: boolean
  /** Server-side apply. */
  readonly listType: 'atomic' | 'map' | 'set' | undefined
  readonly listMapKeys: readonly string[]
  readonly isAtomicMap: boolean
  /** Set where the field itself says so, whatever its type says. */
  readonly isMapTypeSaid: boolean
  readonly defaultValue: string | number | boolean | undefined
  /** Values that documentation names; the decoder takes others too. */
  readonly values: readonly string[] | undefined
  /** How messages of the decoder name the type. */
  readonly goType: string
  /** The Go struct inlined into the type that declares the field; messages of the decoder name it. */
  readonly inlinedBy: string | undefined
}

export interface TypeSchema {
  /** Such as `core.v1.PodSpec`. */
  readonly name: string
  /** Such as `PodSpec`. */
  readonly goName: string
  readonly isAtomic: boolean
  readonly required: readonly string[]
  readonly fields: ReadonlyMap<string, FieldSchema>
  readonly kinds: readonly (readonly [group: string, version: string, kind: string])[]
}

type FieldCode = string | readonly [string, FieldExtras]
interface FieldExtras {
  readonly k?: string
  readonly s?: string
  readonly l?: 'atomic' | 'map' | 'set'
  readonly m?: readonly string[]
  readonly a?: 0 | 1
  readonly d?: string | number | boolean
  readonly g?: string
  readonly i?: string
  readonly e?: readonly string[]
}
interface TypeCode {
  readonly g?: TypeSchema['kinds']
  readonly a?: 1
  readonly r?: readonly string[]
  readonly p: Readonly<Record<string, FieldCode>>
}

const scalars: Readonly<Record<string, readonly [FieldKind, string]>> = {
  b: ['boolean', 'bool'],
  d: ['duration', 'v1.Duration'],
  i: ['int32', 'int32'],
  l: ['int64', 'int64'],
  n: ['double', 'float64'],
  o: ['any', 'v1.FieldsV1'],
  q: ['quantity', 'resource.Quantity'],
  s: ['string', 'string'],
  t: ['time', 'v1.Time'],
  u: ['microTime', 'v1.MicroTime'],
  x: ['intOrString', 'intstr.IntOrString'],
  y: ['bytes', '[]uint8'],
}

let catalog: ReadonlyMap<string, TypeSchema> | undefined

/** All types by name; decoded once per process (about 2 ms). */
export function schemaCatalog(): ReadonlyMap<string, TypeSchema> {
  catalog ??= decodeCatalog()
  return catalog
}

function decodeCatalog(): ReadonlyMap<string, TypeSchema> {
  const codes = Object.entries(JSON.parse(schemaSource) as Readonly<Record<string, TypeCode>>)
  const shells = new Map(codes.map(([name, code]) => [name, shellOf(name, code)]))
  for (const [name, code] of codes) {
    const fields = shells.get(name)?.fields
    for (const [field, fieldCode] of Object.entries(code.p)) {
      fields?.set(field, decodeField(fieldCode, shells))
    }
  }
  return shells
}

type Shell = TypeSchema & { readonly fields: Map<string, FieldSchema> }

function shellOf(name: string, code: TypeCode): Shell {
  return {
    name,
    goName: name.slice(name.lastIndexOf('.') + 1),
    isAtomic: code.a === 1,
    required: code.r ?? [],
    fields: new Map(),
    kinds: code.g ?? [],
  }
}

function decodeField(code: FieldCode, types: ReadonlyMap<string, TypeSchema>): FieldSchema {
  const [text, extras] = typeof code === 'string' ? [code, {}] : code
  const presence = text.endsWith('!') ? 'always' : text.endsWith('*') ? 'kept' : 'omitEmpty'
  const bare = presence === 'omitEmpty' ? text : text.slice(0, -1)
  const field = decodeValue(bare, extras.g, types)
  return {
    ...field,
    presence,
    mergeKey: extras.k,
    isMerged: extras.s?.includes('merge') ?? false,
    isRetainKeys: extras.s?.includes('retainKeys') ?? false,
    isReplaced: extras.s === 'replace',
    listType: extras.l,
    listMapKeys: extras.m ?? [],
    isAtomicMap: extras.a === undefined ? (field.type?.isAtomic ?? false) : extras.a === 1,
    isMapTypeSaid: extras.a !== undefined,
    defaultValue: extras.d,
    inlinedBy: extras.i,
    values: extras.e,
  }
}

function decodeValue(
  code: string,
  goType: string | undefined,
  types: ReadonlyMap<string, TypeSchema>,
): FieldSchema {
  const plain = {
    element: undefined,
    type: undefined,
    presence: 'omitEmpty',
    mergeKey: undefined,
    isMerged: false,
    isRetainKeys: false,
    isReplaced: false,
    listType: undefined,
    listMapKeys: [],
    isAtomicMap: false,
    isMapTypeSaid: false,
    defaultValue: undefined,
    inlinedBy: undefined,
    values: undefined,
  } as const
  if (code.startsWith('[]')) {
    const element = decodeValue(code.slice(2), elementGoType(goType), types)
    return { ...plain, kind: 'list', element, goType: goType ?? `[]${element.goType}` }
  }
  if (code.startsWith('{}')) {
    const element = decodeValue(code.slice(2), elementGoType(goType), types)
    return { ...plain, kind: 'map', element, goType: goType ?? `map[string]${element.goType}` }
  }
  if (code.startsWith('@')) {
    const type = types.get(code.slice(1))
    const printed = goType ?? code.split('.').slice(-2).join('.')
    return { ...plain, kind: 'struct', type, isAtomicMap: type?.isAtomic ?? false, goType: printed }
  }
  const [kind, printed] = scalars[code] ?? ['any', 'interface {}']
  return { ...plain, kind, goType: goType ?? printed }
}

/** `[]v1.Taint` -> `v1.Taint`, `map[string][]string` -> `[]string`; a named type says nothing. */
function elementGoType(goType: string | undefined): string | undefined {
  if (goType === undefined || !/^(\[\]|map\[)/.test(goType)) return undefined
  return goType.slice(goType.indexOf(']') + 1).replace(/^\*/, '')
}
