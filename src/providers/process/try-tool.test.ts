// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UserError } from '../../util/vk-error.ts'
import { canIsolate } from './isolation/bubblewrap.ts'
import { findHostTools } from './host-tools.ts'
import { parseProcessConfig } from './process-config.ts'
import { tryTool } from './try-tool.ts'

test('a program that is tried answers by how it ends', () => {
  assert.equal(tryTool('sh', ['-c', 'exit 3'], { env: { PATH: '/usr/bin:/bin' } }).status, 3)
  assert.equal(tryTool('/none', []).status, null)
})

test('one that does not end is no answer', () => {
  assert.throws(
    () => tryTool('/bin/sh', ['-c', 'while :; do :; done'], { limitMs: 100 }),
    (error) => error instanceof UserError && /sh .* not ended within 0\.1 s/.test(error.message),
  )
})

test('where bubblewrap does not answer, "auto" does not go on without', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vk-slow-'))
  try {
    const bubblewrap = join(dir, 'bwrap')
    await writeFile(bubblewrap, '#!/bin/sh\nwhile :; do :; done\n')
    await chmod(bubblewrap, 0o755)
    const tools = { setsid: bubblewrap, setpriv: bubblewrap, nsenter: bubblewrap }
    const slow = { ...findHostTools(), ...tools, bubblewrap }
    const config = parseProcessConfig({ isolation: 'auto' })
    assert.throws(() => canIsolate(config, slow, { limitMs: 100 }), /bwrap .* not ended within/)
  } finally {
    await rm(dir, { recursive: true })
  }
})
