// SPDX-License-Identifier: Apache-2.0
// Random trees with links of every kind, made by whoever may write to the volume: a subPath never leads
// out of it, and nothing is made outside of it.
import assert from 'node:assert/strict'
import { lstat, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { resolveSubPath, SubPathError } from './sub-path.ts'
import { tries } from '../../../test/support/test-size.ts'

const part = fc.constantFrom('a', 'b', 'c')
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const target = fc.oneof(
  path,
  path.map((inside) => `../${inside}`),
  fc.constantFrom('..', '../..', '../../outside', '../outside', '../../../..', '.', '/'),
  fc.constantFrom('OUTSIDE', 'OUTSIDE/secret', 'VOLUME', 'VOLUME/a'),
)
const entry = fc.oneof(
  fc.record({ kind: fc.constant('dir' as const), path }),
  fc.record({ kind: fc.constant('file' as const), path }),
  fc.record({ kind: fc.constant('link' as const), path, target }),
)
const wish = fc
  .array(fc.constantFrom('a', 'b', 'c', '.', '..'), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))

test('a subPath is inside of the volume or an error, and nothing is made elsewhere', async () => {
  const options = fc.record({ entries: fc.array(entry, { maxLength: 8 }), wish, ro: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(options, async ({ entries, wish: subPath, ro: isReadOnly }) => {
      const root = await realpath(await mkdtemp(join(tmpdir(), 'vk-subpath-')))
      const [volume, outside] = [join(root, 'volume'), join(root, 'outside')]
      try {
        await mkdir(volume)
        await mkdir(outside)
        await writeFile(join(outside, 'secret'), 'secret')
        for (const one of entries) {
          await make(one, { volume, outside }).catch(() => {
            // Two entries at one path: the first stays.
          })
        }
        const before = await namesBelow(volume)
        const around = (await namesBelow(root)).filter((path) => !path.startsWith(volume))
        const found = await resolveSubPath(volume, { subPath, isReadOnly }).catch(
          (error: unknown) => {
            assert.ok(error instanceof SubPathError, String(error))
            return undefined
          },
        )
        if (found) {
          assert.ok(!relative(volume, found.hostPath).startsWith('..'), found.hostPath)
          assert.equal(await realpath(found.hostPath), found.hostPath)
        }
        if (isReadOnly) assert.deepEqual(await namesBelow(volume), before)
        const after = (await namesBelow(root)).filter((path) => !path.startsWith(volume))
        assert.deepEqual(after, around)
      } finally {
        await rm(root, { recursive: true, force: true })
      }
    }),
    { numRuns: tries(200, 40) },
  )
})

/** Links not followed, as readdir's own recursion would. */
async function namesBelow(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true })
  const below = entries.map(async (one): Promise<readonly string[]> => {
    const path = join(dir, one.name)
    return one.isDirectory() ? [path, ...(await namesBelow(path))] : [path]
  })
  return (await Promise.all(below)).flat().sort()
}

interface Entry {
  readonly kind: 'dir' | 'file' | 'link'
  readonly path: string
  readonly target?: string
}

async function make(
  entry: Entry,
  { volume, outside }: { readonly volume: string; readonly outside: string },
): Promise<void> {
  // Never through a link that an earlier entry made: the tree is built in the volume only.
  let parent = volume
  for (const name of entry.path.split('/').slice(0, -1)) {
    parent = join(parent, name)
    await mkdir(parent).catch(() => undefined)
    if (!(await lstat(parent)).isDirectory()) return
  }
  const at = join(volume, entry.path)
  if (entry.kind === 'dir') await mkdir(at)
  else if (entry.kind === 'file') await writeFile(at, '', { flag: 'wx' })
  else {
    const to = (entry.target ?? '').replace('OUTSIDE', outside).replace('VOLUME', volume)
    await symlink(to, at)
  }
}
