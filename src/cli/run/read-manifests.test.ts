// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UserError } from '../../util/vk-error.ts'
import { parseManifests, readManifests } from './read-manifests.ts'

const noStdin = { readStdin: () => Promise.reject(new Error('nobody asked for standard input')) }

const pod = (name: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: {}\n`

function names(manifests: readonly { readonly metadata: { readonly name?: string } }[]) {
  return manifests.map(({ metadata }) => metadata.name)
}

test('reads several documents, skips empty ones, and opens Lists', () => {
  const list = `kind: List\napiVersion: v1\nitems:\n- { apiVersion: v1, kind: Pod, metadata: { name: c } }\n`
  const text = `---\n${pod('a')}---\n# nothing\n---\n${pod('b')}---\n${list}`
  assert.deepEqual(names(parseManifests(text, 'x')), ['a', 'b', 'c'])
})

test('reads JSON', () => {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'j' } })
  assert.deepEqual(names(parseManifests(text, 'x')), ['j'])
})

test('takes the manifests of a folder in the order of their names, and nothing else', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'vk-manifests-'))
  writeFileSync(join(folder.path, '20-b.yml'), pod('b'))
  writeFileSync(join(folder.path, '10-a.yaml'), pod('a'))
  writeFileSync(join(folder.path, 'README.md'), '# no manifest')
  mkdirSync(join(folder.path, 'more'))
  assert.deepEqual(names(await readManifests([folder.path], noStdin)), ['a', 'b'])
})

test('a dash is standard input', async () => {
  const readStdin = () => Promise.resolve(pod('piped'))
  assert.deepEqual(names(await readManifests(['-'], { readStdin })), ['piped'])
})

const mistakes: readonly (readonly [text: string, message: RegExp])[] = [
  [`${pod('a')}---\nkind: Pod\n`, /^Cannot use x, line 6: it has no apiVersion$/],
  ['apiVersion: v1\nmetadata: {}\n', /line 1: it has no kind$/],
  ['apiVersion: v1\nkind: Pod\nmetadata: {}\n', /the Pod has no metadata\.name$/],
  ['- a\n- b\n', /line 1: it is no object$/],
  ['apiVersion: v1\nkind: [\n', /^Cannot read x, line \d+: /],
  ['> ...\n} secret\n', /^Cannot read x, line \d+: Unexpected scalar token in YAML stream$/],
]
for (const [text, message] of mistakes) {
  test(`refuses ${JSON.stringify(text)} with the line`, () => {
    assert.throws(
      () => parseManifests(text, 'x'),
      (error) => error instanceof UserError && message.test(error.message),
    )
  })
}

test('says of an address how its manifests can be had', async () => {
  await assert.rejects(readManifests(['https://example.com/job.yaml'], noStdin), (error) => {
    assert.ok(error instanceof UserError)
    assert.match(error.message, /only files, folders and standard input are read$/)
    assert.match(error.hint ?? '', /curl -fsSL https:\/\/example\.com\/job\.yaml \| /)
    return true
  })
})

test('refuses what cannot be read, and what holds nothing', async () => {
  await assert.rejects(readManifests(['/does/not/exist'], noStdin), UserError)
  const readStdin = () => Promise.resolve('# nothing\n')
  await assert.rejects(readManifests(['-'], { readStdin }), /there is no object in it/)
})
