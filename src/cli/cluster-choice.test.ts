// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger as log } from '../util/logger.ts'
import { openCluster } from './cluster-choice.ts'
import { dataDirOf, upCommand, writeRunning } from './data-dir.ts'

test('a cluster of up that has ended is told as that, however it is named', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vk-choice-'))
  const dir = dataDirOf(folder.path, {})
  await writeFile(dir.kubeconfig, 'apiVersion: v1\nkind: Config\n')
  await writeRunning(dir, {
    pid: 1,
    server: 'https://127.0.0.1:1',
    provider: 'mock',
    nodes: ['node-1'],
    startedAt: '2026-01-01T00:00:00Z',
  })
  for (const { flags, env } of [
    { flags: { dataDir: folder.path }, env: {} },
    { flags: { kubeconfig: dir.kubeconfig }, env: {} },
    { flags: {}, env: { KUBECONFIG: dir.kubeconfig } },
  ]) {
    await assert.rejects(openCluster(flags, { env, log }), {
      message: `Cannot reach the cluster in "${folder.path}": it does not run`,
      hint: `Start it with \`virtual-kubelet up --data-dir ${folder.path}\`.`,
    })
  }
})

test('the usual directory needs no naming', () => {
  const env = { VK_DATA_DIR: '/data' }
  assert.equal(upCommand(dataDirOf(undefined, env), env), 'virtual-kubelet up')
  assert.equal(upCommand(dataDirOf('/a b', env), env), "virtual-kubelet up --data-dir '/a b'")
})
