// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { tarArchive } from './tar-archive.ts'
import { listTar } from './tar-reading.ts'

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 150 })
  .filter((text) => !/[/\0]/.test(text))

test('what was written is read back, names of any length', () => {
  fc.assert(
    fc.property(fc.array(name), (names) => {
      const entries = names.map((path) => ({ path, mode: 0o644, content: Buffer.from(path) }))
      assert.deepEqual(
        listTar(tarArchive(entries)).map(({ path }) => path),
        names,
      )
    }),
  )
})

test('targets of links are read back, however long', () => {
  fc.assert(
    fc.property(name, (linkTo) => {
      const archive = tarArchive([{ path: 'link', mode: 0o777, linkTo }])
      assert.deepEqual(listTar(archive), [{ path: 'link', linkTo }])
    }),
  )
})

test('archives of others are read, in the ways that there are for long names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vk-tar-'))
  const [long, deep] = ['n'.repeat(180), 'd'.repeat(90)]
  try {
    mkdirSync(join(folder, 'v', deep), { recursive: true })
    writeFileSync(join(folder, 'v', deep, 'file'), 'content')
    writeFileSync(join(folder, 'v', long), 'x'.repeat(2000))
    symlinkSync(`..data/${long}`, join(folder, 'v/link'))
    for (const format of ['pax', 'gnu']) {
      const args = ['--sort=name', `--format=${format}`, '-C', folder, '-cf', '-', 'v']
      assert.deepEqual(listTar(execFileSync('tar', args)), [
        { path: 'v' },
        { path: `v/${deep}` },
        { path: `v/${deep}/file` },
        { path: 'v/link', linkTo: `..data/${long}` },
        { path: `v/${long}` },
      ])
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('an archive that was cut off gives what is whole', () => {
  const archive = tarArchive([{ path: 'one', mode: 0o644, content: Buffer.alloc(2000) }])
  assert.deepEqual(listTar(archive.subarray(0, 700)), [{ path: 'one' }])
  assert.deepEqual(listTar(archive.subarray(0, 300)), [])
})
