// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet explain FILE --provider X`: holds the pods of a manifest against a provider's
// features and against what it would refuse at a start, without a cluster, in the words of the pod's events.
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { Pod, PodSpec } from '../kube/types.gen.ts'
import { unsupportedFields } from '../provider/feature-check.ts'
import { isFilled } from '../provider/feature-rules.ts'
import type { Features } from '../provider/features.ts'
import type { PodProblem, ProviderModule } from '../provider/provider.ts'
import { UserError } from '../util/vk-error.ts'
import { readYamlFile, whyUnreadable } from './config-file.ts'
import { loadProviderModule } from './provider-modules.ts'

interface Manifest {
  readonly kind?: string
  readonly metadata?: { readonly name?: string; readonly namespace?: string }
  readonly items?: readonly Manifest[]
  readonly spec?: unknown
}

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

/** True when every pod in the file would run as written. */
export async function explain(
  file: string,
  options: { readonly provider: string; readonly providerConfig?: string },
  out: { write(text: string): unknown },
): Promise<boolean> {
  const provider = await loadProviderModule(options.provider)
  const config =
    options.providerConfig === undefined ? {} : (readYamlFile(options.providerConfig) ?? {})
  const judge = { provider, config, features: provider.featuresOf(config) }
  const pods = readManifests(file).flatMap(podsOf)
  if (pods.length === 0)
    throw new UserError(`Cannot explain "${file}": it holds no pod and nothing that makes pods`)
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

function readManifests(file: string): readonly Manifest[] {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UserError(`Cannot read "${file}": ${whyUnreadable(error)}`, { cause: error })
  }
  return parseAllDocuments(text, { prettyErrors: true }).flatMap((document) => {
    const [error] = 'errors' in document ? document.errors : []
    if (error) throw new UserError(`Cannot use "${file}": ${error.message.split('\n', 1)[0]}`)
    const value = 'toJS' in document ? (document.toJS() as Manifest | null) : null
    return value === null ? [] : value.kind === 'List' ? (value.items ?? []) : [value]
  })
}

function podsOf(manifest: Manifest): readonly DescribedPod[] {
  const spec = podSpecOf(manifest)
  if (!spec) return []
  const { name = '(unnamed)', namespace = 'default' } = manifest.metadata ?? {}
  const metadata = { name, namespace, uid: 'explain' }
  const { volumeClaimTemplates } = (manifest.spec ?? {}) as {
    readonly volumeClaimTemplates?: readonly object[]
  }
  const claimsVolumes = manifest.kind === 'StatefulSet' && isFilled(volumeClaimTemplates)
  return [{ title: `${manifest.kind} ${name}`, pod: { metadata, spec }, claimsVolumes }]
}

/** The pod spec inside a Pod, a Job, a Deployment and their like. */
function podSpecOf(manifest: Manifest): PodSpec | undefined {
  const spec = manifest.spec as
    | { template?: { spec?: PodSpec }; jobTemplate?: { spec?: { template?: { spec?: PodSpec } } } }
    | undefined
  if (manifest.kind === 'Pod') return (spec ?? {}) as PodSpec
  if (manifest.kind === 'CronJob') return spec?.jobTemplate?.spec?.template?.spec
  return spec?.template?.spec
}
