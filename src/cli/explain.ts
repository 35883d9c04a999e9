// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet explain FILE... --provider X`: holds manifests against what the API server refuses, and
// their pods against a provider's features and what it would refuse at a start; without a cluster, in the
// words of the API server and of the pod's events.
import { text } from 'node:stream/consumers'
import { TrialObjects } from '../control-plane/api/trial-objects.ts'
import type { ProviderModule } from '../provider/provider.ts'
import { readYamlFile } from './config-file.ts'
import { nameOf, podOf, problemsOf, readable } from './manifest-pod.ts'
import { loadProviderModule } from './provider-modules.ts'
import { noPods } from './run/no-pods.ts'
import { readManifests, type Manifest } from './run/read-manifests.ts'

interface Judge {
  readonly provider: ProviderModule
  readonly config: unknown
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
  const judge = { provider, config, api: new TrialObjects() }
  const manifests = await readManifests(paths, {
    readStdin: () => text(process.stdin),
    onOther: (at) => out.write(`Skipped ${at}: it is no Kubernetes object\n`),
  })
  if (!manifests.some((manifest) => podOf(manifest) !== undefined)) {
    throw noPods('explain', manifests)
  }
  for (const one of manifests) if (one.kind === 'Namespace') judge.api.addNamespace(one)
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
  const read = readable(described)
  const own = 'pod' in read ? await problemsOf(read, judge) : faults?.length ? [] : [read]
  const verdict = `runs on ${judge.provider.name} as written`
  return { problems: [...(faults ?? []), ...own], verdict }
}
