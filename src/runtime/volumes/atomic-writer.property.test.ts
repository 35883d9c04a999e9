// SPDX-License-Identifier: Apache-2.0
// Whoever reads a volume while it is rewritten, at any moment, sees one generation whole.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { VolumeFile } from '../../provider/provider.ts'
import { writeVolume } from './atomic-writer.ts'
import { tries } from '../../../test/support/test-size.ts'

const name = fc.constantFrom('a', 'b', 'c', 'dir/a', 'dir/b', 'dir/sub/a', 'other/a')
const generations = fc.array(fc.uniqueArray(name, { maxLength: 5 }), {
  minLength: 1,
  maxLength: 6,
})

/** The content of every file names its generation. */
function filesOf(paths: readonly string[], generation: number): readonly VolumeFile[] {
  // One more, so that a reader can tell which generation an empty one is.
  return [...paths, 'generation'].map((path) => ({
    path,
    mode: 0o644,
    content: Buffer.from(`${generation}`),
  }))
}

/** What lies below the link `..data` as it is now; undefined when it was exchanged meanwhile. */
async function readWhole(dir: string): Promise<ReadonlyMap<string, string> | undefined> {
  const target = await readlink(join(dir, '..data')).catch(() => undefined)
  if (target === undefined) return undefined
  const data = join(dir, target)
  try {
    const entries = await readdir(data, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    const texts = await Promise.all(
      files.map(async (file): Promise<[string, string]> => {
        const path = join(file.parentPath, file.name)
        return [path.slice(data.length + 1), await readFile(path, 'utf8')]
      }),
    )
    const still = await readlink(join(dir, '..data'))
    return still === target ? new Map(texts) : undefined
  } catch {
    // The generation was exchanged and removed while it was read, which a reader notices.
    return undefined
  }
}

test('a reader sees one complete generation at any moment', async () => {
  await fc.assert(
    fc.asyncProperty(generations, async (lists) => {
      const root = await mkdtemp(join(tmpdir(), 'vk-volume-'))
      const dir = join(root, 'v')
      const writing = new AbortController()
      const seen: ReadonlyMap<string, string>[] = []
      const reading = (async () => {
        while (!writing.signal.aborted) {
          const whole = await readWhole(dir)
          if (whole) seen.push(whole)
        }
      })()
      try {
        for (const [generation, paths] of lists.entries()) {
          await writeVolume(dir, { files: filesOf(paths, generation), nowMs: generation * 1000 })
          const now = await readWhole(dir)
          assert.ok(now)
          seen.push(now)
          await assertNames(dir, paths, generation)
        }
      } finally {
        writing.abort()
        await reading
        await rm(root, { recursive: true, force: true })
      }
      for (const whole of seen) {
        const generation = Number(whole.get('generation'))
        const wanted = filesOf(lists[generation] ?? [], generation).map(({ path }) => path)
        assert.deepEqual([...whole.keys()].sort(), wanted.sort())
        assert.ok([...whole.values()].every((text) => text === String(generation)))
      }
    }),
    { numRuns: tries(30, 8) },
  )
})

/** By the names that users know, the newest generation and nothing else. */
async function assertNames(
  dir: string,
  paths: readonly string[],
  generation: number,
): Promise<void> {
  const wanted = new Set([...paths, 'generation'].map((path) => path.split('/', 1)[0] ?? ''))
  const names = (await readdir(dir)).filter((entry) => !entry.startsWith('..'))
  assert.deepEqual(names.sort(), [...wanted].sort())
  const hidden = (await readdir(dir)).filter((entry) => entry.startsWith('..'))
  assert.equal(hidden.length, 2, 'the link and one generation')
  for (const path of paths) {
    assert.equal(await readFile(join(dir, path), 'utf8'), String(generation))
  }
}
