// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet explain FILE --provider X`: holds the pods of a manifest against a provider's
// features, without a cluster. Says the same as the event that the pod would get.
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { Pod, PodSpec } from '../kube/types.gen.ts'
import { unsupportedFields } from '../provider/feature-check.ts'
import { UserError } from '../util/vk-error.ts'
import { readYamlFile } from './config-file.ts'
import { loadProviderModule } from './provider-modules.ts'

interface Manifest {
  readonly kind?: string
  readonly metadata?: { readonly name?: string; readonly namespace?: string }
  readonly items?: readonly Manifest[]
  readonly spec?: unknown
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
  const features = provider.featuresOf(config)
  const pods = readManifests(file).flatMap(podsOf)
  if (pods.length === 0)
    throw new UserError(`Cannot explain "${file}": it holds no pod and nothing that makes pods`)
  let isSupported = true
  for (const { title, pod } of pods) {
    const missing = unsupportedFields(pod, features)
    if (missing.length === 0) out.write(`${title}: runs on ${provider.name} as written\n`)
    else isSupported = false
    for (const { field, why } of missing) out.write(`${title}: ${field}: ${why}\n`)
  }
  return isSupported
}

function readManifests(file: string): readonly Manifest[] {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UserError(`Cannot read "${file}": ${(error as Error).message}`, { cause: error })
  }
  return parseAllDocuments(text, { prettyErrors: true }).flatMap((document) => {
    const [error] = 'errors' in document ? document.errors : []
    if (error) throw new UserError(`Cannot use "${file}": ${error.message.split('\n', 1)[0]}`)
    const value = 'toJS' in document ? (document.toJS() as Manifest | null) : null
    return value === null ? [] : value.kind === 'List' ? (value.items ?? []) : [value]
  })
}

function podsOf(manifest: Manifest): readonly { readonly title: string; readonly pod: Pod }[] {
  const spec = podSpecOf(manifest)
  if (spec === undefined) return []
  const { name = '(unnamed)', namespace = 'default' } = manifest.metadata ?? {}
  const metadata = { name, namespace, uid: 'explain' }
  return [{ title: `${manifest.kind} ${name}`, pod: { metadata, spec } }]
}

/** The pod spec inside a Pod, a Job, a Deployment and their like. */
function podSpecOf(manifest: Manifest): PodSpec | undefined {
  const spec = manifest.spec as
    | { template?: { spec?: PodSpec }; jobTemplate?: { spec?: { template?: { spec?: PodSpec } } } }
    | undefined
  if (manifest.kind === 'Pod') return spec as PodSpec | undefined
  if (manifest.kind === 'CronJob') return spec?.jobTemplate?.spec?.template?.spec
  return spec?.template?.spec
}
