// SPDX-License-Identifier: Apache-2.0
// The paths of a resource and what can be done at them, as a table that both dialects of OpenAPI are
// written from. kubectl reads from them which kinds there are, what patches and which parameters they take.
import type {
  ResourceDefinition,
  SubresourceDefinition,
  Verb,
} from '../../resources/resource-definition.ts'

export interface KindReference {
  readonly group: string
  readonly version: string
  readonly kind: string
}

export type Method = 'delete' | 'get' | 'patch' | 'post' | 'put'
export type ParameterType = 'boolean' | 'integer' | 'string'

export interface PathOperation {
  readonly method: Method
  /** Value of x-kubernetes-action. */
  readonly action: string
  readonly operationId: string
  readonly tag: string
  readonly target: KindReference
  readonly query: readonly (readonly [name: string, type: ParameterType])[]
  /** Kind of the body; `Patch` and `DeleteOptions` are those of meta/v1. */
  readonly body: string | undefined
  readonly answersList: boolean
}

export interface ResourcePath {
  readonly path: string
  /** Names in braces. */
  readonly variables: readonly string[]
  readonly operations: readonly PathOperation[]
}

/** All paths of a resource and its subresources. */
export function pathsOf(definition: ResourceDefinition): readonly ResourcePath[] {
  const { group, version, plural, isNamespaced, verbs } = definition
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const scope = isNamespaced ? `${base}/namespaces/{namespace}` : base
  const variables = isNamespaced ? ['namespace'] : []
  const context = { definition, verbs, infix: isNamespaced ? 'Namespaced' : '' }
  const everywhere = operationsAt(['list'], { ...context, infix: '', suffix: 'ForAllNamespaces' })
  const collection = operationsAt(['list', 'create', 'deletecollection'], context)
  const single = operationsAt(['get', 'update', 'patch', 'delete'], context)
  const paths: ResourcePath[] = [
    { path: `${scope}/${plural}`, variables, operations: collection },
    { path: `${scope}/${plural}/{name}`, variables: ['name', ...variables], operations: single },
    ...definition.subresources.map((subresource) => ({
      path: `${scope}/${plural}/{name}/${subresource.name}`,
      variables: ['name', ...variables],
      operations: subresourceOperations(subresource, definition),
    })),
  ]
  if (isNamespaced) {
    paths.unshift({ path: `${base}/${plural}`, variables: [], operations: everywhere })
  }
  return paths.filter(({ operations }) => operations.length > 0)
}

interface OperationContext {
  readonly definition: ResourceDefinition
  readonly verbs: readonly Verb[]
  readonly infix: string
  readonly suffix?: string
  readonly target?: KindReference
  readonly isConnect?: boolean
}

function operationsAt(
  wanted: readonly Verb[],
  context: OperationContext,
): readonly PathOperation[] {
  return wanted
    .filter((verb) => context.verbs.includes(verb))
    .map((verb) => operationFor(verb, context))
}

function subresourceOperations(
  subresource: SubresourceDefinition,
  definition: ResourceDefinition,
): readonly PathOperation[] {
  const { kind, name, verbs } = subresource
  const group = subresource.group ?? definition.group
  const version = subresource.version ?? definition.version
  const infix = definition.isNamespaced ? 'Namespaced' : ''
  const suffix = name.charAt(0).toUpperCase() + name.slice(1)
  // A stream or a proxy: what goes through it is no object.
  const isConnect = kind.endsWith('Options')
  const target = { group, version, kind }
  const context = { definition, verbs, infix, suffix, target, isConnect }
  return operationsAt(['get', 'create', 'update', 'patch', 'delete'], context)
}

const methods: Readonly<Record<Verb, readonly [method: Method, action: string, name: string]>> = {
  create: ['post', 'post', 'create'],
  delete: ['delete', 'delete', 'delete'],
  deletecollection: ['delete', 'deletecollection', 'deleteCollection'],
  get: ['get', 'get', 'read'],
  list: ['get', 'list', 'list'],
  patch: ['patch', 'patch', 'patch'],
  update: ['put', 'put', 'replace'],
  watch: ['get', 'watch', 'watch'],
}

const writing: PathOperation['query'] = [
  ['dryRun', 'string'],
  ['fieldManager', 'string'],
  ['fieldValidation', 'string'],
]
const listing: PathOperation['query'] = [
  ['allowWatchBookmarks', 'boolean'],
  ['continue', 'string'],
  ['fieldSelector', 'string'],
  ['labelSelector', 'string'],
  ['limit', 'integer'],
  ['resourceVersion', 'string'],
  ['resourceVersionMatch', 'string'],
  ['sendInitialEvents', 'boolean'],
  ['timeoutSeconds', 'integer'],
  ['watch', 'boolean'],
]
const deleting: PathOperation['query'] = [
  ['dryRun', 'string'],
  ['gracePeriodSeconds', 'integer'],
  ['orphanDependents', 'boolean'],
  ['propagationPolicy', 'string'],
]
const queries: Readonly<Partial<Record<Verb, PathOperation['query']>>> = {
  create: writing,
  delete: deleting,
  deletecollection: [...deleting, ...listing.filter(([name]) => name !== 'watch')],
  list: listing,
  patch: [...writing, ['force', 'boolean']],
  update: writing,
}

function operationFor(verb: Verb, context: OperationContext): PathOperation {
  const { definition, infix, suffix = '', isConnect = false } = context
  const { group, version, kind } = definition
  const [method, action, name] = methods[verb]
  const target = context.target ?? { group, version, kind }
  const family = group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')
  const prefix = family.split('.').map(capitalized).join('') + capitalized(version)
  return {
    method,
    action: isConnect ? 'connect' : action,
    operationId:
      verb === 'deletecollection'
        ? `delete${prefix}Collection${infix}${kind}`
        : isConnect
          ? `connect${prefix}${capitalized(method)}${infix}${kind}${suffix}`
          : `${name}${prefix}${infix}${kind}${suffix}`,
    tag: `${lowerCamel(family)}_${version}`,
    target,
    query: isConnect ? [] : (queries[verb] ?? []),
    body: isConnect ? undefined : bodyOf(verb, target.kind),
    answersList: verb === 'list',
  }
}

function bodyOf(verb: Verb, kind: string): string | undefined {
  switch (verb) {
    case 'create':
    case 'update':
      return kind
    case 'patch':
      return 'Patch'
    case 'delete':
    case 'deletecollection':
      return 'DeleteOptions'
    default:
      return undefined
  }
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

function lowerCamel(family: string): string {
  const [first = '', ...rest] = family.split('.')
  return first + rest.map(capitalized).join('')
}
