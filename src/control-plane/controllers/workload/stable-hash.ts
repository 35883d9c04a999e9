// SPDX-License-Identifier: Apache-2.0
// A short name for a piece of JSON: FNV-1a of 32 bits over its canonical text, written in letters that
// spell no words.

const letters = 'bcdfghjklmnpqrstvwxz2456789'

/** Up to ten characters; the same for equal values whatever the order of their fields. */
export function stableHash(value: unknown, salt?: number): string {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(canonicalJson(value) + (salt ?? ''))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  }
  return safeEncode(`${hash}`)
}

/** Characters that can form no words and no confusions of 0 and o, 1 and l. */
function safeEncode(text: string): string {
  return Array.from(text, (char) => letters[char.charCodeAt(0) % letters.length]).join('')
}

/** JSON with sorted keys, and without what is absent or empty. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field
    const entries = Object.entries(field).filter(([, one]) => one !== undefined && one !== null)
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  })
}
