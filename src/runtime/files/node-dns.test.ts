// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readNodeDns } from './node-dns.ts'

const settings = { clusterDomain: 'cluster.local', clusterDNS: [] }

async function withFiles(standard: string | undefined, upstream?: string) {
  const dir = await mkdtempDisposable(join(tmpdir(), 'vk-dns-'))
  const files = { standard: join(dir.path, 'standard'), upstream: join(dir.path, 'upstream') }
  if (standard !== undefined) await writeFile(files.standard, standard)
  if (upstream !== undefined) await writeFile(files.upstream, upstream)
  return { files, [Symbol.asyncDispose]: () => dir.remove() }
}

test("the machine's file is taken, and none is an empty one", async () => {
  await using some = await withFiles('nameserver 10.0.0.1\n', 'nameserver 10.0.0.2\n')
  assert.deepEqual((await readNodeDns(settings, some.files))?.servers, ['10.0.0.1'])
  await using none = await withFiles(undefined)
  assert.deepEqual(await readNodeDns(settings, none.files), {
    servers: [],
    searches: [],
    options: [],
  })
})

test('where it names only the stub of systemd-resolved, the servers behind that are taken', async () => {
  const stub = 'nameserver 127.0.0.53\noptions edns0\n'
  await using dir = await withFiles(stub, 'nameserver 10.0.0.2\n')
  assert.deepEqual((await readNodeDns(settings, dir.files))?.servers, ['10.0.0.2'])
  await using alone = await withFiles(stub)
  assert.deepEqual((await readNodeDns(settings, alone.files))?.servers, ['127.0.0.53'])
})

test('a named file is taken as it is, and its lack is an error that does not say where it lies', async () => {
  await using dir = await withFiles('nameserver 127.0.0.53\n', 'nameserver 10.0.0.2\n')
  const named = { ...settings, resolvConf: dir.files.standard }
  assert.deepEqual((await readNodeDns(named, dir.files))?.servers, ['127.0.0.53'])
  await assert.rejects(readNodeDns({ ...settings, resolvConf: '/no/such/file' }), {
    message: 'Cannot read the file of --resolv-conf: ENOENT',
  })
})

test('an empty name means that pods have nothing of the node', async () => {
  assert.equal(await readNodeDns({ ...settings, resolvConf: '' }), undefined)
})
