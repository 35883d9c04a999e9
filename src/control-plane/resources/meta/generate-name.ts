// SPDX-License-Identifier: Apache-2.0
// Names for objects that only say how theirs should begin. The alphabet has no vowels and no digits
// that look like letters, so that no words come out.
import { randomInt } from 'node:crypto'

const alphabet = 'bcdfghjklmnpqrstvwxz2456789'
const suffixLength = 5
const maxLength = 63

/** `prefix` (cut to leave room) and five random characters; whether it is taken is the caller's to see. */
export function generateName(
  prefix: string,
  random: (belowThis: number) => number = (belowThis) => randomInt(belowThis),
): string {
  let name = prefix.slice(0, maxLength - suffixLength)
  for (let count = 0; count < suffixLength; count++)
    name += alphabet.charAt(random(alphabet.length))
  return name
}
