// SPDX-License-Identifier: Apache-2.0
// Lists a collection, whole or in pages, by the rules of limit, continue and resourceVersion.
import { badRequest, invalid, StatusError } from '../objects/api-status.ts'
import { invalidValue, forbiddenField } from '../objects/field-error.ts'
import type { FieldError } from '../objects/field-error.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { Stored } from '../storage/store.ts'
import { shown } from './api-core.ts'
import type { ApiCore } from './api-core.ts'
import type { ListSnapshots, Snapshot } from './list-snapshots.ts'
import type { ObjectFilter } from './object-filter.ts'

/** One page. */
export interface ListPage {
  readonly items: readonly Stored[]
  readonly revision: number
  readonly continue?: string
  readonly remainingItemCount?: number
}

/** What came before in storage counts as the client's own past; anything later is not there yet. */
export function listObjects(
  core: ApiCore,
  { resource, filter }: { readonly resource: ResourceDefinition; readonly filter: ObjectFilter },
  { query, snapshots }: { readonly query: URLSearchParams; readonly snapshots: ListSnapshots },
): ListPage {
  const { limit, token } = pagingOf(query)
  const paging = { limit, token, snapshots, filter, scope: scopeOf(resource, filter, query) }
  if (token !== '') return page(snapshots.resume(token, paging.scope), paging)
  checkVersion(core, query)
  const snapshot = snapshotOf(core, resource, filter)
  return page({ ...snapshot, offset: 0 }, paging)
}

/** What is listed, as far as rights may depend on it. */
function scopeOf(
  { storage }: ResourceDefinition,
  { namespace }: ObjectFilter,
  query: URLSearchParams,
): string {
  return JSON.stringify([
    storage,
    namespace,
    query.get('fieldSelector'),
    query.get('labelSelector'),
  ])
}

/** Everything that matches, as it is now. */
export function snapshotOf(
  core: ApiCore,
  resource: ResourceDefinition,
  filter: ObjectFilter,
): Snapshot {
  const { namespace, name, isSelective, matches } = filter
  if (name !== undefined && (namespace !== '' || !resource.isNamespaced)) {
    const found = core.store.get({ resource: resource.storage, namespace, name })
    const items = found && matches(shown(resource, found)) ? [found] : []
    return { items, revision: core.store.revision }
  }
  const { items, revision } = core.store.list(resource.storage, namespace || undefined)
  if (!isSelective) return { items, revision }
  return { items: items.filter((stored) => matches(shown(resource, stored))), revision }
}

interface Paging {
  readonly limit: number
  readonly token: string
  readonly snapshots: ListSnapshots
  readonly filter: ObjectFilter
  readonly scope: string
}

function page(from: Snapshot & { readonly offset: number }, paging: Paging): ListPage {
  const { items, revision, offset } = from
  const { limit, token, snapshots, filter, scope } = paging
  const end = limit === 0 ? items.length : Math.min(offset + limit, items.length)
  const part = offset === 0 && end === items.length ? items : items.slice(offset, end)
  if (end === items.length) return { items: part, revision }
  const next =
    token === '' ? snapshots.keep({ items, revision }, end, scope) : snapshots.next(token, end)
  const remainingItemCount = items.length - end
  return {
    items: part,
    revision,
    continue: next,
    ...(!filter.isSelective && { remainingItemCount }),
  }
}

function pagingOf(query: URLSearchParams): { readonly limit: number; readonly token: string } {
  const given = query.get('limit') ?? '0'
  if (!/^-?\d+$/.test(given)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(given)}: invalid syntax`)
  }
  const token = query.get('continue') ?? ''
  const version = query.get('resourceVersion') ?? ''
  if (token !== '' && version !== '' && version !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue')
  }
  return { limit: Math.max(Number(given), 0), token }
}

const listOptions = { group: 'meta.k8s.io', kind: 'ListOptions' }

/** A version may be of the past (the present is newer) but not of the future. */
function checkVersion(core: ApiCore, query: URLSearchParams): void {
  const version = query.get('resourceVersion') ?? ''
  const match = query.get('resourceVersionMatch') ?? ''
  const errors: FieldError[] = []
  if (match !== '' && version === '') {
    errors.push(
      forbiddenField(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden unless resourceVersion is provided',
      ),
    )
  }
  if (version !== '' && !/^\d+$/.test(version)) {
    errors.push(invalidValue('resourceVersion', version, 'must be a number'))
  }
  if (errors.length > 0) throw invalid(listOptions, '', errors)
  const wanted = Number(version)
  if (wanted > core.store.revision) throw tooLarge(wanted, core.store.revision)
  if (match === 'Exact' && wanted !== core.store.revision) {
    throw new StatusError(410, 'Expired', `The resourceVersion for the provided list is too old.`)
  }
}

function tooLarge(wanted: number, current: number): StatusError {
  const message = `Too large resource version: ${wanted}, current: ${current}`
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  return new StatusError(504, 'Timeout', message, { causes, retryAfterSeconds: 1 })
}
