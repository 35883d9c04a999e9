// SPDX-License-Identifier: Apache-2.0
// Choices of a fuzzer, the same for the same seed.
import { seededRandom } from '../seeded-random.ts'

export interface Chance {
  readonly seed: number
  /** A whole number below `limit`. */
  readonly below: (limit: number) => number
  readonly pick: <T>(list: readonly T[]) => T
}

export function chanceFrom(seed: number): Chance {
  const below = seededRandom(seed)
  return { seed, below, pick: <T>(list: readonly T[]): T => list[below(list.length)] as T }
}
