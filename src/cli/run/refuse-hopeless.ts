// SPDX-License-Identifier: Apache-2.0
// Before a run brings up a cluster of its own: what its only nodes would refuse for ever is said at once,
// instead of pods that wait for it.
import { TrialObjects } from '../../control-plane/api/trial-objects.ts'
import type { Pod } from '../../kube/types.gen.ts'
import { featureCheckAnnotation } from '../../pods/judge-pod.ts'
import type { ProviderModule } from '../../provider/provider.ts'
import { UserError } from '../../util/vk-error.ts'
import { nameOf, podOf, problemsOf, readable } from '../manifest-pod.ts'
import type { Manifest } from './read-manifests.ts'

/**
 * Throws a UserError that names everything for which no waiting helps. Unreadable manifests pass: the API
 * server says more about them.
 */
export async function refuseHopeless(
  manifests: readonly Manifest[],
  judge: { readonly provider: ProviderModule; readonly config: unknown },
): Promise<void> {
  const lines: string[] = []
  let wantsImage = false
  for (const manifest of manifests) {
    const described = podOf(manifest)
    const read = described && readable(described)
    if (!read || !('pod' in read) || isLenient(read.pod)) continue
    const problems = await problemsOf(read, judge)
    const lasting = problems.filter(({ mayPass }) => mayPass !== true)
    if (lasting.length === 0) continue
    wantsImage ||= lasting.some(({ why }) => why.startsWith('Cannot use image '))
    const title = `${manifest.kind.toLowerCase()}/${nameOf(manifest)}`
    lines.push(...misspelled(manifest).map((why) => `Cannot run ${title}: ${why}`))
    lines.push(...lasting.map(({ field, why }) => `Cannot run ${title}: ${field}: ${why}`))
  }
  if (lines.length === 0) return
  throw new UserError(lines.join('\n'), { hint: hintOf(judge.provider.name, wantsImage) })
}

/** Throws a UserError for pods that are bound to nodes which the cluster of this run does not have. */
export function refuseOtherNodes(
  manifests: readonly Manifest[],
  nodeNames: readonly string[],
): void {
  for (const manifest of manifests) {
    const nodeName: unknown = podOf(manifest)?.pod.spec.nodeName
    if (typeof nodeName !== 'string' || nodeName === '') continue
    if (nodeNames.includes(nodeName)) continue
    const title = `${manifest.kind.toLowerCase()}/${nameOf(manifest)}`
    throw new UserError(
      `Cannot run ${title}: spec.nodeName: there is no node "${nodeName}" in the cluster of a run`,
      { hint: `It has ${nodeNames.join(', ')}; without the field the scheduler chooses.` },
    )
  }
}

/** A field that nobody knows is often the reason why another is missing. */
function misspelled(manifest: Manifest): readonly string[] {
  const faults = new TrialObjects().faultsOf(manifest.apiVersion, manifest.kind, manifest) ?? []
  return faults.map(({ why }) => why).filter((why) => why.startsWith('unknown field '))
}

function hintOf(provider: string, wantsImage: boolean): string {
  if (!wantsImage || provider === 'docker') {
    const table = `\`virtual-kubelet providers ${provider}\` tells what it can do`
    return `Provider ${provider} will not run this as it is configured (--provider-config); ${table}.`
  }
  return `Provider ${provider} will never run this. \`--provider docker\` runs images of registries; \`virtual-kubelet providers\` tells what each can do.`
}

/** Such pods run without what is not supported. */
function isLenient({ metadata }: Pod): boolean {
  return metadata.annotations?.[featureCheckAnnotation] === 'lenient'
}
