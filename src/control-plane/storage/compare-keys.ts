// SPDX-License-Identifier: Apache-2.0
// The order of lists. Clusters list by the path `namespace/name`, so that the slash takes part in the
// comparison: `team-a` comes before `team`, as '-' sorts before '/'. Paging continues by the same order.

/** The part of a key that lists are ordered by. */
export interface KeyInResource {
  readonly namespace: string
  readonly name: string
}

/** Negative when `left` comes first in a list of its resource, 0 when both are the same. */
export function compareKeys(left: KeyInResource, right: KeyInResource): number {
  return compareNamespaces(left.namespace, right.namespace) || compareNames(left.name, right.name)
}

export function compareNamespaces(left: string, right: string): number {
  return left === right ? 0 : compareNames(`${left}/`, `${right}/`)
}

export function compareNames(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
