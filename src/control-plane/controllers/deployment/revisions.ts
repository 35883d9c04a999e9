// SPDX-License-Identifier: Apache-2.0
// The annotations by which a Deployment keeps its history: each ReplicaSet knows its revision and the
// size that the Deployment had when it was last scaled. kubectl rollout lives on these.
import type { Deployment, ReplicaSet } from '../../../kube/types.gen.ts'
import { rolloutLimits } from './rollout-limits.ts'

export const revisionKey = 'deployment.kubernetes.io/revision'
const historyKey = 'deployment.kubernetes.io/revision-history'
const desiredKey = 'deployment.kubernetes.io/desired-replicas'
const maxKey = 'deployment.kubernetes.io/max-replicas'

/** The Deployment's annotations that its ReplicaSets do not inherit. */
const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionKey,
  historyKey,
  desiredKey,
  maxKey,
])
const maxHistoryLength = 2000

type Annotations = Readonly<Record<string, string>>

/** The revision of a ReplicaSet; 0 when it has none. */
export function revisionOf({ metadata }: ReplicaSet): number {
  const text = metadata.annotations?.[revisionKey] ?? ''
  return /^\d+$/.test(text) ? Number(text) : 0
}

/** The revision of the ReplicaSet that follows all others. */
export function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1
}

/** The annotations of the newest ReplicaSet, given those that it has. */
export function currentAnnotations(
  { metadata }: Deployment,
  { has, revision }: { readonly has: Annotations | undefined; readonly revision: number },
): Annotations {
  const inherited = Object.entries(metadata.annotations ?? {}).filter(
    ([key]) => !notCopied.has(key),
  )
  const annotations: Annotations = { ...has, ...Object.fromEntries(inherited) }
  const oldText = annotations[revisionKey] ?? ''
  if (oldText !== '' && !/^\d+$/.test(oldText)) return annotations
  if (Number(oldText) >= revision) return annotations
  const next: Annotations = { ...annotations, [revisionKey]: `${revision}` }
  // It served under an older number before: somebody has rolled back to it.
  return oldText === '' ? next : { ...next, [historyKey]: extendHistory(next[historyKey], oldText) }
}

/** The annotations that record the Deployment's size. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const { replicas = 1 } = deployment.spec
  const { maxSurge } = rolloutLimits(deployment)
  return { [desiredKey]: `${replicas}`, [maxKey]: `${replicas + maxSurge}` }
}

/** The size that the Deployment had; undefined when that is not recorded. */
export function recordedDesired(replicaSet: ReplicaSet): number | undefined {
  return numberOf(replicaSet, desiredKey)
}

/** The size with surge that the Deployment had; undefined when that is not recorded. */
export function recordedMax(replicaSet: ReplicaSet): number | undefined {
  return numberOf(replicaSet, maxKey)
}

function numberOf({ metadata }: ReplicaSet, key: string): number | undefined {
  const text = metadata.annotations?.[key]
  return text !== undefined && /^\d+$/.test(text) && Number(text) < 2 ** 31
    ? Number(text)
    : undefined
}

function extendHistory(history: string | undefined, revision: string): string {
  const all = [...(history ?? '').split(',').filter((one) => one !== ''), revision]
  while (all.length > 1 && all.join(',').length > maxHistoryLength) all.shift()
  return all.join(',')
}
