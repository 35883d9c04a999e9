// SPDX-License-Identifier: Apache-2.0
// What a namespace is told when it begins to enforce a stricter level: which pods it has that violate it.
// They are left alone.
import type { Pod } from '../../../kube/types.gen.ts'
import { evaluatePod, reasonText } from './evaluate-pod.ts'
import { policyText } from './policy.ts'
import type { LevelVersion } from './policy.ts'

const maxPods = 3000

/** Sentences for the `Warning` header; pods with the same violations share one. */
export function namespaceWarnings(
  namespace: string,
  { enforce, pods }: { readonly enforce: LevelVersion; readonly pods: readonly Pod[] },
): readonly string[] {
  const checked = inOrder(pods).slice(0, maxPods)
  const byReason = new Map<string, string[]>()
  for (const { metadata, spec } of checked) {
    const like = { annotations: metadata.annotations ?? {}, spec }
    const reason = reasonText(evaluatePod(enforce, like))
    if (reason !== '') byReason.set(reason, [...(byReason.get(reason) ?? []), metadata.name ?? ''])
  }
  const warnings: string[] = []
  if (checked.length < pods.length) {
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked.length} of ${pods.length} existing pods`,
    )
  }
  if (byReason.size === 0) return warnings
  const what = `violate the new PodSecurity enforce level "${policyText(enforce)}"`
  warnings.push(`existing pods in namespace "${namespace}" ${what}`)
  const lines = [...byReason].map(([reason, names]) => `${whoText(names)}: ${reason}`)
  return [...warnings, ...lines.sort()]
}

/** One pod of each controller before further ones of the same. */
function inOrder(pods: readonly Pod[]): readonly Pod[] {
  const seen = new Set<string>()
  const further: Pod[] = []
  const first = pods.filter((pod) => {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)
    if (!owner) return true
    const isKnown = seen.has(owner.uid)
    if (isKnown) further.push(pod)
    seen.add(owner.uid)
    return !isKnown
  })
  return [...first, ...further]
}

function whoText(names: readonly string[]): string {
  const [first = ''] = names.toSorted()
  const others = names.length - 1
  if (others === 0) return first
  return `${first} (and ${others} other ${others === 1 ? 'pod' : 'pods'})`
}
