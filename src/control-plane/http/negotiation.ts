// SPDX-License-Identifier: Apache-2.0
// In which form a client wants its answer. Only JSON is spoken, in three shapes: the object, its
// metadata alone, or the table that `kubectl get` prints.
import { notAcceptable } from '../objects/api-status.ts'

export type AnswerShape =
  | { readonly as: 'object' }
  | { readonly as: 'metadata'; readonly apiVersion: string }
  | { readonly as: 'table'; readonly apiVersion: string }

const plain: AnswerShape = { as: 'object' }
const shaped: ReadonlyMap<string, 'metadata' | 'table'> = new Map([
  ['Table', 'table'],
  ['PartialObjectMetadata', 'metadata'],
  ['PartialObjectMetadataList', 'metadata'],
] as const)

/** The first entry of `Accept` that can be served; throws 406 when there is none. */
export function negotiate(accept: string | undefined): AnswerShape {
  if (accept === undefined || accept === '' || accept === 'application/json') return plain
  for (const entry of accept.split(',')) {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim())
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue
    const { as, g, v } = valuesOf(parameters)
    if (as === undefined) return plain
    const shape = shaped.get(as)
    const isKnown = g === 'meta.k8s.io' && (v === 'v1' || v === 'v1beta1')
    if (shape && isKnown) return { as: shape, apiVersion: `meta.k8s.io/${v}` }
  }
  throw notAcceptable(['application/json'])
}

function valuesOf(parameters: readonly string[]): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(parameters.map((part) => part.split('=', 2) as [string, string]))
}
