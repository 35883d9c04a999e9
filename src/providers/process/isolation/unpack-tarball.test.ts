// SPDX-License-Identifier: Apache-2.0
// A tarball is what its bytes are, whatever tar reads of them.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { noSandbox } from '../../../../test/support/sandbox-world.ts'
import { findHostTools } from '../host-tools.ts'
import { unpackTarball } from './unpack-tarball.ts'

const skip = noSandbox
const isLinux = process.platform === 'linux'
/** Much more than the pipe to tar holds. */
const bytesBehind = randomBytes(2 * 1024 * 1024)
const packings = { tar: (bytes: Buffer) => bytes, 'tar.gz': gzipSync, 'tar.zst': zstdCompressSync }

test(
  'a tarball that goes on behind its end is unpacked, and measured whole',
  { skip },
  async () => {
    using place = makePlace()
    for (const [ending, pack] of Object.entries(packings)) {
      const bytes = pack(Buffer.concat([place.tarball, bytesBehind]))
      const { digest, dir } = await unpacked(place.dir, { bytes, ending })
      assert.equal(digest, digestOf(bytes), ending)
      assert.equal(readFileSync(join(dir, 'file'), 'utf8'), 'here\n', ending)
    }
  },
)

test('a tarball is measured whole where tar reads nothing of it', { skip }, async () => {
  using place = makePlace()
  for (const [ending, pack] of Object.entries(packings)) {
    const bytes = pack(bytesBehind)
    const { digest } = await unpacked(place.dir, { bytes, ending, tar: '/bin/true' })
    assert.equal(digest, digestOf(bytes), ending)
  }
})

test('nothing waits for a tarball that cannot be read', { skip: !isLinux }, async () => {
  using place = makePlace()
  const bubblewrap = join(place.dir, 'bwrap')
  writeFileSync(bubblewrap, '#!/bin/sh\nexec cat >/dev/null\n', { mode: 0o755 })
  const before = children()
  const options = { dir: place.dir, tools: { bubblewrap, tar: 'tar' } }
  await assert.rejects(unpackTarball(join(place.dir, 'missing.tar'), options), { code: 'ENOENT' })
  assert.deepEqual(
    [...children()].filter((pid) => !before.has(pid)),
    [],
  )
})

/** Pids of what this thread has started and not buried yet. */
function children(): Set<string> {
  return new Set(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' '))
}

async function unpacked(
  base: string,
  of: { readonly bytes: Buffer; readonly ending: string; readonly tar?: string },
): Promise<{ readonly digest: string; readonly dir: string }> {
  const path = join(base, `image.${of.ending}`)
  const dir = join(base, `root-${of.ending}`)
  mkdirSync(dir)
  writeFileSync(path, of.bytes)
  const { bubblewrap, tar } = findHostTools()
  const tools = { bubblewrap, tar: of.tar ?? tar }
  return { digest: await unpackTarball(path, { dir, tools }), dir }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function makePlace(): { readonly dir: string; readonly tarball: Buffer } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'vk-unpack-'))
  writeFileSync(join(dir, 'file'), 'here\n')
  const tarball = execFileSync('tar', ['-C', dir, '-cf', '-', 'file'])
  return { dir, tarball, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) }
}
