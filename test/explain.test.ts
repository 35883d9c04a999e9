// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet explain` and the table of docs/pods.md say the same of every field.
import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { explain } from '../src/cli/explain.ts'
import { TrialObjects } from '../src/control-plane/api/trial-objects.ts'
import { UserError } from '../src/util/vk-error.ts'
import { documentedProviders, type DocumentedProvider } from '../tools/pods-page.ts'
import { featurePods, type FeaturePod } from './support/feature-pods.ts'

interface Answer {
  readonly isSupported: boolean
  readonly text: string
}

async function explained({ spec }: FeaturePod, provider: DocumentedProvider): Promise<Answer> {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-explain-'))
  const file = join(dir.path, 'pod.json')
  const providerConfig = join(dir.path, 'config.json')
  const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec }
  await writeFile(file, JSON.stringify(manifest).replaceAll('"host"', imageOn(provider)))
  await writeFile(providerConfig, JSON.stringify(provider.config))
  // Some of these pods are no pods that an API server would take; that is not what is asked here.
  const faults = new TrialObjects().faultsOf('v1', 'Pod', manifest) ?? []
  const invalid = new Set(faults.map(({ field, why }) => `Pod p: ${field}: ${why}\n`))
  const lines: string[] = []
  const options = { provider: provider.name, providerConfig }
  const isSupported = await explain([file], options, { write: (line) => lines.push(line) })
  const told = lines.filter((line) => !invalid.has(line))
  if (told.length > 0 || isSupported) return { isSupported, text: told.join('') }
  return { isSupported: true, text: `Pod p: runs on ${provider.name} as written\n` }
}

/** The machine itself is an image to the process provider only. */
function imageOn({ name }: DocumentedProvider): string {
  return name === 'docker' ? '"busybox"' : '"host"'
}

/** What a machine lacks for a provider's configuration keeps it from being asked. */
function lack(error: unknown): string {
  if (error instanceof UserError) return error.message
  throw error
}

function saysUnsupported(text: string, feature: string): boolean {
  const sentence = `this provider does not support ${feature.replaceAll('.', String.raw`\.`)}`
  return new RegExp(`: ${sentence}( \\(.*\\))?\\n`).test(text)
}

for (const provider of await documentedProviders()) {
  for (const pod of featurePods) {
    const { feature, field, also } = pod
    const { features, title } = provider
    // What lies in something that is refused is not named by itself.
    const missing = also.find((outer) => !features[outer])
    const support = features[feature] ?? false
    if (missing === 'images') continue
    test(`explain agrees with the table: ${field} on ${title}`, async (t) => {
      const answer = await explained(pod, provider).catch(lack)
      if (typeof answer === 'string') return t.skip(answer)
      const { isSupported, text } = answer
      if (missing !== undefined || support === false) {
        assert.equal(isSupported, false)
        assert.ok(saysUnsupported(text, missing ?? feature), text)
      } else if (support === true) {
        assert.equal(text, `Pod p: runs on ${provider.name} as written\n`)
      } else {
        assert.ok(!saysUnsupported(text, feature), text)
      }
    })
  }
}
