// SPDX-License-Identifier: Apache-2.0
// Before a run brings up a cluster of its own: what its only nodes would refuse for ever is said at once,
// instead of pods that wait for it.
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
  for (const manifest of manifests) {
    const described = podOf(manifest)
    const read = described && readable(described)
    if (!read || !('pod' in read) || isLenient(read.pod)) continue
    const problems = await problemsOf(read, judge)
    const lasting = problems.filter(({ mayPass }) => mayPass !== true)
    const title = `${manifest.kind.toLowerCase()}/${nameOf(manifest)}`
    lines.push(...lasting.map(({ field, why }) => `Cannot run ${title}: ${field}: ${why}`))
  }
  if (lines.length === 0) return
  const { name } = judge.provider
  throw new UserError(lines.join('\n'), {
    hint: `Provider ${name} will never run this. ${name === 'docker' ? '' : '`--provider docker` runs images of registries; '}\`virtual-kubelet providers\` tells what each can do.`,
  })
}

/** Such pods run without what is not supported. */
function isLenient({ metadata }: Pod): boolean {
  return metadata.annotations?.[featureCheckAnnotation] === 'lenient'
}
