// SPDX-License-Identifier: Apache-2.0
// The one place where an object of any kind becomes one of a known kind.
import type { KubeObject } from '../objects/kube-object.ts'

/** The object as its wire type; the caller knows its kind. */
export function asKind<T>(object: KubeObject): T {
  return object as unknown as T
}
