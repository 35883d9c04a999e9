// SPDX-License-Identifier: Apache-2.0
// Names for the nodes that a command brings up.

/** NAME-1, NAME-2, … as many as wanted. */
export function nodeNames(base: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${base}-${index + 1}`)
}
