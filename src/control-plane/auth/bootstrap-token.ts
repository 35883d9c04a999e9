// SPDX-License-Identifier: Apache-2.0
// Bootstrap tokens: `abcdef.0123456789abcdef`, backed by a Secret in kube-system that anyone who may
// write there can make. They let a new node ask for its first certificate.
import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../../kube/types.gen.ts'
import type { Store } from '../storage/store.ts'
import { storedObject } from './stored-object.ts'
import type { User } from './user.ts'

const tokenPattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/
const secretType = 'bootstrap.kubernetes.io/token'

/** The user that the token stands for, or undefined when it is no good bootstrap token. */
export function bootstrapTokenUser(
  token: string,
  { store, nowMs }: { readonly store: Store; readonly nowMs: number },
): User | undefined {
  const [, id, secretPart] = tokenPattern.exec(token) ?? []
  if (id === undefined || secretPart === undefined) return undefined
  const place = { namespace: 'kube-system', name: `bootstrap-token-${id}` }
  const secret = storedObject<Secret>(store, 'secrets', place)
  if (secret?.type !== secretType || secret.metadata.deletionTimestamp !== undefined) {
    return undefined
  }
  const value = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8')
  const isMeant =
    isSame(value('token-secret'), secretPart) &&
    value('token-id') === id &&
    value('usage-bootstrap-authentication') === 'true' &&
    !hasExpired(value('expiration'), nowMs)
  const groups = value('auth-extra-groups').split(',').filter(Boolean)
  if (!isMeant || groups.some((group) => !groupPattern.test(group))) return undefined
  return {
    name: `system:bootstrap:${id}`,
    groups: ['system:bootstrappers', ...groups.filter((one) => one !== 'system:bootstrappers')],
  }
}

/** A time that cannot be read counts as past. */
function hasExpired(expiration: string, nowMs: number): boolean {
  if (expiration === '') return false
  const expiresMs = Date.parse(expiration)
  return Number.isNaN(expiresMs) || expiresMs < nowMs
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
