// SPDX-License-Identifier: Apache-2.0
// JSON Web Tokens in compact form, ES256 only: a token that names another algorithm, or none, is no
// token of ours.
import { sign, verify } from 'node:crypto'
import type { ServiceAccountKeys } from '../certificates/service-account-keys.ts'

// Nothing we sign comes near; what is longer is not worth decoding.
const maxLength = 16_384

/** A token's content: a JSON object. */
export type Claims = Readonly<Record<string, unknown>>

/** `header.payload.signature`, signed by the newest key. */
export function signToken(claims: Claims, keys: ServiceAccountKeys): string {
  const { id, key } = keys.signing
  const text = `${encode({ alg: 'ES256', kid: id })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

/** What the token claims, believed or not; undefined when it is no such token. */
export function unverifiedClaims(token: string): Claims | undefined {
  const [, payload, signature, more] = token.split('.')
  if (payload === undefined || signature === undefined || more !== undefined) return undefined
  return token.length > maxLength ? undefined : decode(payload)
}

/** The name of the key that made the token's signature, or undefined when none of the keys did. */
export function signerOf(token: string, keys: ServiceAccountKeys): string | undefined {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const { alg, kid } = decode(header) ?? {}
  if (alg !== 'ES256' || typeof kid !== 'string') return undefined
  const key = keys.verifying(kid)
  if (!key) return undefined
  const text = Buffer.from(`${header}.${payload}`)
  const bytes = Buffer.from(signature, 'base64url')
  return verify('sha256', text, { key, dsaEncoding: 'ieee-p1363' }, bytes) ? kid : undefined
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined
  } catch {
    // No JSON: no token.
    return undefined
  }
}
