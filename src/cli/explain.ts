// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet explain FILE... --provider X`: holds the pods of manifests against a provider's
// features and against what it would refuse at a start, without a cluster, in the words of the pod's events.
import { text } from 'node:stream/consumers'
import type { Pod, PodSpec } from '../kube/types.gen.ts'
import { unsupportedFields } from '../provider/feature-check.ts'
import { isFilled } from '../provider/feature-rules.ts'
import type { Features } from '../provider/features.ts'
import type { PodProblem, ProviderModule } from '../provider/provider.ts'
import { UserError } from '../util/vk-error.ts'
import { readYamlFile } from './config-file.ts'
import { loadProviderModule } from './provider-modules.ts'
import { readManifests, type Manifest } from './run/read-manifests.ts'

/** A pod as the manifest makes it. */
interface DescribedPod {
  readonly title: string
  readonly pod: Pod
  /** Its controller would add volumes from claims. */
  readonly claimsVolumes: boolean
}

interface Judge {
  readonly provider: ProviderModule
  readonly config: unknown
  readonly features: Features
}

/** True when every pod in the files, folders and standard input (`-`) would run as written. */
export async function explain(
  paths: readonly string[],
  options: { readonly provider: string; readonly providerConfig?: string },
  out: { write(text: string): unknown },
): Promise<boolean> {
  const provider = await loadProviderModule(options.provider)
  const config =
    options.providerConfig === undefined ? {} : (readYamlFile(options.providerConfig) ?? {})
  const judge = { provider, config, features: provider.featuresOf(config) }
  const manifests = await readManifests(paths, { readStdin: () => text(process.stdin) })
  const pods = manifests.flatMap(podsOf)
  if (pods.length === 0) {
    const why = 'it holds no pod and nothing that makes pods'
    throw new UserError(`Cannot explain ${paths.join(', ')}: ${why}`)
  }
  let isSupported = true
  for (const described of pods) {
    const { title } = described
    const problems = await problemsOf(described, judge)
    if (problems.length === 0) out.write(`${title}: runs on ${provider.name} as written\n`)
    else isSupported = false
    for (const { field, why } of problems) out.write(`${title}: ${field}: ${why}\n`)
  }
  return isSupported
}

async function problemsOf(
  { pod, claimsVolumes }: DescribedPod,
  { provider, config, features }: Judge,
): Promise<readonly PodProblem[]> {
  const { containers } = pod.spec as Partial<PodSpec>
  if (!Array.isArray(containers) || containers.length === 0) {
    return [{ field: 'spec.containers', why: 'a pod needs at least one' }]
  }
  const problems: PodProblem[] = [...unsupportedFields(pod, features)]
  if (claimsVolumes && !features['volume.persistentVolumeClaim']) {
    const why = 'this provider does not support volume.persistentVolumeClaim'
    problems.push({ field: 'spec.volumeClaimTemplates', why })
  }
  const refused = new Set(problems.map(({ field }) => field))
  const more = (await provider.problemsOf?.(pod, config)) ?? []
  return [...problems, ...more.filter(({ field }) => !refused.has(field))]
}

function podsOf(manifest: Manifest): readonly DescribedPod[] {
  const spec = podSpecOf(manifest)
  if (!spec) return []
  const { generateName, name = generateName ?? '', namespace = 'default' } = manifest.metadata
  const metadata = { name, namespace, uid: 'explain' }
  const { volumeClaimTemplates } = (manifest['spec'] ?? {}) as {
    readonly volumeClaimTemplates?: readonly object[]
  }
  const claimsVolumes = manifest.kind === 'StatefulSet' && isFilled(volumeClaimTemplates)
  return [{ title: `${manifest.kind} ${name}`, pod: { metadata, spec }, claimsVolumes }]
}

/** The pod spec inside a Pod, a Job, a Deployment and their like. */
function podSpecOf(manifest: Manifest): PodSpec | undefined {
  const spec = manifest['spec'] as
    | { template?: { spec?: PodSpec }; jobTemplate?: { spec?: { template?: { spec?: PodSpec } } } }
    | undefined
  if (manifest.kind === 'Pod') return (spec ?? {}) as PodSpec
  if (manifest.kind === 'CronJob') return spec?.jobTemplate?.spec?.template?.spec
  return spec?.template?.spec
}
