// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempDisposable, readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startControlPlane } from '../control-plane/control-plane.ts'
import type { ClusterConnection } from '../kube/cluster-connection.ts'
import { createKubeClient } from '../kube/http-kube-client.ts'
import { loadConnection } from '../kube/kubeconfig.ts'
import { nodes } from '../kube/resources.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger as log } from '../util/logger.ts'
import { LocalIdentities, renewEveryMs } from './local-identities.ts'

async function serialOf({ credentials }: ClusterConnection): Promise<string> {
  const { certificate } = await credentials.identity()
  return new X509Certificate(certificate?.certificatePem ?? '').serialNumber
}

async function listNodes(connection: ClusterConnection): Promise<void> {
  await using client = createKubeClient(connection, { userAgent: 'test', log })
  await client.list(nodes)
}

test('identities of a local cluster are renewed while it runs, in their files and in use', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-identities-'))
  await using plane = await startControlPlane({ log, hasControllers: false })
  const clock = new FakeClock(Date.now())
  await using identities = await LocalIdentities.open({ plane, dir: dir.path, clock, log })
  const admin = await identities.admin()
  const node = await identities.node('one')
  const { tlsCertFile, tlsPrivateKeyFile } = await identities.serving('one', ['127.0.0.1'])
  const before = {
    admin: await serialOf(admin),
    node: await serialOf(node),
    serving: await readFile(tlsCertFile, 'utf8'),
  }
  await listNodes(admin)

  await clock.advance(renewEveryMs)
  while ((await readFile(tlsCertFile, 'utf8')) === before.serving) await clock.advance(0)
  assert.notEqual(await serialOf(admin), before.admin)
  assert.notEqual(await serialOf(node), before.node)
  await listNodes(admin)

  const file = await loadConnection({ kubeconfig: join(dir.path, 'kubeconfig'), env: {}, log })
  assert.equal(await serialOf(file), await serialOf(admin))
  const certificate = new X509Certificate(await readFile(tlsCertFile))
  assert.ok(certificate.checkIP('127.0.0.1'))
  const names = ['ca.crt', 'kubeconfig', 'one.crt', 'one.key', 'one.kubeconfig']
  assert.deepEqual((await readdir(dir.path)).toSorted(), names)
  for (const name of ['kubeconfig', 'one.kubeconfig', tlsPrivateKeyFile]) {
    assert.equal((await stat(join(dir.path, name.replace(/.*\//, '')))).mode & 0o777, 0o600)
  }
})
