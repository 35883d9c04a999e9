// SPDX-License-Identifier: Apache-2.0
// The order of two states of one object. Kubernetes' own storage numbers them; where a server uses
// something that is no number, order is unknown and what comes later counts as newer.
import type { Pod } from '../kube/types.gen.ts'

/** Negative: `one` is older than `other`. 0: the same state. */
export function compareVersions(one: Pod, other: Pod): number {
  const a = one.metadata.resourceVersion
  const b = other.metadata.resourceVersion
  if (a === b) return a === undefined ? 1 : 0
  if (a === undefined || b === undefined || !isNumber(a) || !isNumber(b)) return 1
  return a.length === b.length ? (a < b ? -1 : 1) : a.length - b.length
}

function isNumber(version: string): boolean {
  return /^[1-9]\d*$/.test(version)
}
