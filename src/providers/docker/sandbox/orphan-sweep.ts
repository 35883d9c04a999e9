// SPDX-License-Identifier: Apache-2.0
// Removes what a crash of ours can leave in the engine: sandboxes of pods that neither we nor the core know of
// any more, and containers that were created and never started. Only what carries this node's labels is
// looked at, and only when it is not new.
import { access } from 'node:fs/promises'
import { readLabels } from '../container/container-labels.ts'
import type { ContainerSummary } from '../engine/engine-objects.ts'

export interface SweepInput {
  /** Everything of this node, as listed just now. */
  readonly all: readonly ContainerSummary[]
  readonly nowMs: number
  /** Is the pod's directory there? */
  readonly isKnown: (uid: string) => boolean
}

const minimumAgeMs = 600_000

/** Engine ids of what is to be removed, sandboxes last; a pure decision. */
export function findOrphans({ all, nowMs, isKnown }: SweepInput): readonly string[] {
  const containers = new Set<string>()
  for (const { Labels, State } of all) {
    const labelled = readLabels(Labels)
    if (labelled?.kind === 'container' && State !== 'created') containers.add(labelled.key.pod.uid)
  }
  const old = all.filter(({ Created }) => nowMs - Created * 1000 >= minimumAgeMs)
  const unstarted = old.filter(
    ({ Labels, State }) => State === 'created' && readLabels(Labels)?.kind === 'container',
  )
  const sandboxes = old.filter(({ Labels }) => {
    const labelled = readLabels(Labels)
    if (labelled?.kind !== 'sandbox') return false
    return !containers.has(labelled.pod.uid) && !isKnown(labelled.pod.uid)
  })
  return [...unstarted, ...sandboxes].map(({ Id }) => Id)
}

/** Which of these paths exist. */
export async function existing(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const path of paths) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) found.add(path)
  }
  return found
}
