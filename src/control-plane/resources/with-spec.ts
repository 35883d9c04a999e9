// SPDX-License-Identifier: Apache-2.0
// Changes of an object's spec, which is of any kind.
import type { KubeObject } from '../objects/kube-object.ts'
import { isRecord } from './read-json.ts'
import { withField } from './share-structure.ts'

/** The object with its spec changed; an object without one gets it, as the API always has it. */
export function withSpec<T extends object>(object: KubeObject, change: (spec: T) => T): KubeObject {
  const spec = object['spec']
  return withField(object, 'spec', change((isRecord(spec) ? spec : {}) as T))
}
