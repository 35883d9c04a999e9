// SPDX-License-Identifier: Apache-2.0
// The pod that a manifest makes, and what a provider would refuse in it, before any cluster has seen it.
import { readPod } from '../control-plane/api/trial-objects.ts'
import type { ObjectMeta, Pod, PodSpec } from '../kube/types.gen.ts'
import { unsupportedFields } from '../provider/feature-check.ts'
import { isFilled } from '../provider/feature-rules.ts'
import type { PodProblem, ProviderModule } from '../provider/provider.ts'
import type { Manifest } from './run/read-manifests.ts'

/** A pod as the manifest makes it. */
export interface DescribedPod {
  readonly pod: Pod
  /** Its controller would add volumes from claims. */
  readonly claimsVolumes: boolean
}

/** The pod with what the API server knows of it, or why there is nothing to ask a provider about. */
export function readable(described: DescribedPod): DescribedPod | PodProblem {
  const pod = readPod(described.pod)
  if (typeof pod === 'string') return { field: 'spec', why: pod }
  const { containers } = pod.spec as Partial<PodSpec>
  if (containers?.length) return { ...described, pod }
  return { field: 'spec.containers', why: 'a pod needs at least one' }
}

/** What the provider, made here with this configuration, would refuse in a pod that could be read. */
export async function problemsOf(
  { pod, claimsVolumes }: DescribedPod,
  { provider, config }: { readonly provider: ProviderModule; readonly config: unknown },
): Promise<readonly PodProblem[]> {
  const features = provider.featuresOf(config)
  const problems: PodProblem[] = [...unsupportedFields(pod, features)]
  if (claimsVolumes && !features['volume.persistentVolumeClaim']) {
    const why = 'this provider does not support volume.persistentVolumeClaim'
    problems.push({ field: 'spec.volumeClaimTemplates', why })
  }
  const refused = new Set(problems.map(({ field }) => field))
  const more = (await provider.problemsOf?.(pod, config)) ?? []
  return [...problems, ...more.filter(({ field }) => !refused.has(field))]
}

/** The pod that a manifest makes; undefined when it makes none. */
export function podOf(manifest: Manifest): DescribedPod | undefined {
  const template = templateOf(manifest)
  if (typeof template !== 'object' || !template?.spec) return undefined
  const { namespace = 'default' } = manifest.metadata
  const metadata = { ...template.metadata, name: nameOf(manifest), namespace, uid: 'described' }
  const { volumeClaimTemplates } = (manifest['spec'] ?? {}) as {
    readonly volumeClaimTemplates?: readonly object[]
  }
  const claimsVolumes = manifest.kind === 'StatefulSet' && isFilled(volumeClaimTemplates)
  return { pod: { metadata, spec: template.spec }, claimsVolumes }
}

/** Its name, or what a generated one begins with. */
export function nameOf({
  metadata: { generateName, name = generateName ?? '' },
}: Manifest): string {
  return name
}

interface Template {
  readonly metadata?: ObjectMeta
  readonly spec?: PodSpec
}

/** A Pod itself, or the template inside a Job, a Deployment and their like. */
function templateOf(manifest: Manifest): Template | undefined {
  const spec = manifest['spec'] as
    | { readonly template?: Template; readonly jobTemplate?: { readonly spec?: object } }
    | undefined
  if (manifest.kind === 'Pod') {
    return { metadata: manifest.metadata, spec: (spec ?? {}) as PodSpec }
  }
  if (manifest.kind === 'CronJob')
    return templateOf({ ...manifest, kind: 'Job', spec: spec?.jobTemplate?.spec })
  return spec?.template
}
