// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { TarEntry } from '../tar-archive.ts'
import type { TarListing } from '../tar-reading.ts'
import { planUpdate, type Generation } from './volume-update.ts'

function generation(name: string, files: readonly string[]): Generation {
  const folders = new Set(files.flatMap((file) => (file.includes('/') ? [file.split('/')[0]] : [])))
  const entry = (path: string): TarEntry => ({ path: `${name}/${path}`, mode: 0o644 })
  const below = [
    ...[...folders].map((folder) => ({ ...entry(`${folder}/`), isDirectory: true })),
    ...files.map(entry),
  ]
  const root = { path: './', mode: 0o755, isDirectory: true }
  return { name, entries: [root, { ...root, path: `${name}/` }, ...below] }
}

/** What an engine holds after it has carried out the first `steps` of the plan. */
function carriedOut(
  wanted: Generation,
  { there, steps }: { readonly there: readonly TarListing[]; readonly steps: number },
): readonly TarListing[] {
  const { upload, swaps, remove } = planUpdate(wanted, there)
  const paths = new Map(there.map((one) => [one.path, one]))
  const actions = [
    ...upload.map(({ path: name, linkTo }) => () => {
      const path = name.replace(/^\.?\/|\/$/g, '')
      if (path !== '') paths.set(path, { path, ...(linkTo !== undefined && { linkTo }) })
    }),
    ...(swaps
      ? [
          () => {
            paths.set('..data', { path: '..data', linkTo: paths.get('..data_tmp')?.linkTo ?? '' })
            paths.delete('..data_tmp')
          },
        ]
      : []),
    ...remove.map((path) => () => void paths.delete(path)),
  ]
  for (const action of actions.slice(0, steps)) action()
  return [...paths.values()]
}

const sorted = (paths: readonly string[]): readonly string[] => [...new Set(paths)].sort()

const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd/x', 'd/y', 'e/z'))

test('whatever breaks in between, `..data` leads to whole files, and the next update completes it', () => {
  const step = fc.record({ files: names, steps: fc.nat({ max: 20 }) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), names, (broken, last) => {
      let there: readonly TarListing[] = []
      for (const [index, { files, steps }] of broken.entries()) {
        there = carriedOut(generation(`..${index}`, files), { there, steps })
        const current = there.find(({ path }) => path === '..data')?.linkTo
        if (current === undefined) continue
        const paths = new Set(there.map(({ path }) => path))
        const whole = broken[Number(current.slice(2))]?.files ?? []
        for (const file of whole)
          assert.ok(paths.has(`${current}/${file}`), `${file} of ${current}`)
      }
      const wanted = generation('..last', last)
      there = carriedOut(wanted, { there, steps: Infinity })
      const tops = new Set(last.map((file) => file.split('/', 1)[0] ?? ''))
      const expected = [
        ...wanted.entries.map(({ path }) => path.replace(/^\.?\/|\/$/g, '')).filter(Boolean),
        '..data',
        ...tops,
      ]
      assert.deepEqual(sorted(there.map(({ path }) => path)), sorted(expected))
      assert.equal(there.find(({ path }) => path === '..data')?.linkTo, '..last')
      assert.deepEqual(planUpdate(wanted, there), { upload: [], swaps: false, remove: [] })
    }),
  )
})
