// SPDX-License-Identifier: Apache-2.0
// What is said of manifests that make no pods: which kinds they hold, and which would.
import { nearest } from '../../util/nearest-word.ts'
import { UserError } from '../../util/vk-error.ts'
import { podMakers } from './judge-run.ts'
import type { Manifest } from './read-manifests.ts'

/** The refusal of a command that would `verb` them; a kind that is nearly one that makes pods is taken for a slip. */
export function noPods(verb: string, manifests: readonly Pick<Manifest, 'kind'>[]): UserError {
  const kinds = [...new Set(manifests.map(({ kind }) => kind))]
  const slips = kinds.flatMap((kind) => {
    const meant = nearest(kind, podMakers)
    return meant === undefined ? [] : [`Did you mean "kind: ${meant}"?`]
  })
  return new UserError(
    `Cannot ${verb} this: no object in it makes pods, only ${kinds.join(', ')} was found`,
    { hint: [...slips, `It takes at least one of ${podMakers.join(', ')}.`].join(' ') },
  )
}
