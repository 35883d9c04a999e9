// SPDX-License-Identifier: Apache-2.0
// A request of a fuzzer.
import type { OutgoingHttpHeaders } from 'node:http'
import type { ResourceDefinition } from '../../../src/control-plane/resources/resource-definition.ts'

export interface Wish {
  readonly method: string
  readonly path: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** The path of a resource in namespace default. */
export function collectionOf(resource: ResourceDefinition): string {
  const { group, version, plural, isNamespaced } = resource
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  return `${root}${isNamespaced ? '/namespaces/default' : ''}/${plural}`
}
