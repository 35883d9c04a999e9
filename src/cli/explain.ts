// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet explain FILE... --provider X`: holds manifests against what the API server refuses, and
// their pods against a provider's features and what it would refuse at a start; without a cluster, in the
// words of the API server and of the pod's events.
import { text } from 'node:stream/consumers'
import { TrialObjects } from '../control-plane/api/trial-objects.ts'
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
  readonly pod: Pod
  /** Its controller would add volumes from claims. */
  readonly claimsVolumes: boolean
}

interface Judge {
  readonly provider: ProviderModule
  readonly config: unknown
  readonly features: Features
  /** An API server that nobody runs, for what it would refuse before any node sees a pod. */
  readonly api: TrialObjects
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
  const judge = {
    provider,
    config,
    features: provider.featuresOf(config),
    api: new TrialObjects(),
  }
  const manifests = await readManifests(paths, {
    readStdin: () => text(process.stdin),
    onOther: (at) => out.write(`Skipped ${at}: it is no Kubernetes object\n`),
  })
  if (!manifests.some((manifest) => podOf(manifest) !== undefined)) {
    const why = 'it holds no pod and nothing that makes pods'
    throw new UserError(`Cannot explain ${paths.join(', ')}: ${why}`)
  }
  let isSupported = true
  for (const manifest of manifests) {
    const title = `${manifest.kind} ${nameOf(manifest)}`
    const { problems, verdict } = await judged(manifest, judge)
    if (problems.length > 0) isSupported = false
    for (const { field, why } of problems) {
      out.write(`${title}: ${field === undefined ? '' : `${field}: `}${why}\n`)
    }
    if (problems.length === 0) out.write(`${title}: ${verdict}\n`)
  }
  return isSupported
}

/** What the API server would refuse comes first: no provider sees a pod before it. */
async function judged(
  manifest: Manifest,
  judge: Judge,
): Promise<{
  readonly problems: readonly { readonly field?: string; readonly why: string }[]
  readonly verdict: string
}> {
  const { apiVersion, kind } = manifest
  const faults = judge.api.faultsOf(apiVersion, kind, manifest)
  const described = podOf(manifest)
  if (!described) {
    const unknown = `kind ${kind} of ${apiVersion} is not one that \`up\` serves`
    const verdict = `skipped: ${faults ? 'it makes no pods' : unknown}`
    return { problems: faults ?? [], verdict }
  }
  const isAsked = isReadable(described.pod)
  const own = isAsked ? await problemsOf(described, judge) : faults?.length ? [] : noContainers
  const verdict = `runs on ${judge.provider.name} as written`
  return { problems: [...(faults ?? []), ...own], verdict }
}

const noContainers: readonly PodProblem[] = [
  { field: 'spec.containers', why: 'a pod needs at least one' },
]

/** Whether there is something to ask a provider. */
function isReadable(pod: Pod): boolean {
  const { containers } = pod.spec as Partial<PodSpec>
  const isObject = (one: unknown): boolean => typeof one === 'object' && one !== null
  return Array.isArray(containers) && containers.length > 0 && containers.every(isObject)
}

async function problemsOf(
  { pod, claimsVolumes }: DescribedPod,
  { provider, config, features }: Judge,
): Promise<readonly PodProblem[]> {
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
function podOf(manifest: Manifest): DescribedPod | undefined {
  const spec = podSpecOf(manifest)
  if (!spec) return undefined
  const { namespace = 'default' } = manifest.metadata
  const metadata = { name: nameOf(manifest), namespace, uid: 'explain' }
  const { volumeClaimTemplates } = (manifest['spec'] ?? {}) as {
    readonly volumeClaimTemplates?: readonly object[]
  }
  const claimsVolumes = manifest.kind === 'StatefulSet' && isFilled(volumeClaimTemplates)
  return { pod: { metadata, spec }, claimsVolumes }
}

function nameOf({ metadata: { generateName, name = generateName ?? '' } }: Manifest): string {
  return name
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
