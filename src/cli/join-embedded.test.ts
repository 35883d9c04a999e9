// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApiError } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import { silentLogger } from '../util/logger.ts'
import { joinSettings, planeFacts } from './join-embedded.ts'
import { completeNode } from './load-settings.ts'

const node = (more: object = {}) => completeNode({ name: 'one', provider: 'mock', ...more })
const embedded = { isEmbedded: true, caPem: 'the authority' }
const ordinary = { ...embedded, isEmbedded: false }

const unread = (): Promise<never> => assert.fail('the cluster was asked')

/** What becomes of a node that joins; `get` answers for the API server. */
async function joined(more: object, plane = embedded, get: () => Promise<object> = unread) {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-join-'))
  const settings = await joinSettings(node(more), {
    plane,
    dir: dir.path,
    client: { get } as unknown as KubeClient,
    log: silentLogger,
  })
  const { serverTLSBootstrap, clientCAFile = '' } = settings
  const isOurs = clientCAFile.startsWith(dir.path)
  return [serverTLSBootstrap, isOurs ? await readFile(clientCAFile, 'utf8') : clientCAFile]
}

test('a node that joins a cluster of `up` asks for a certificate and knows who may call it', async () => {
  assert.deepEqual(await joined({}), [true, 'the authority'])
})

test('what a person has set stays as it is', async () => {
  assert.deepEqual(await joined({ clientCAFile: '/given' }), [true, '/given'])
  const own = { tlsCertFile: '/cert', tlsPrivateKeyFile: '/key' }
  assert.deepEqual(await joined(own), [false, ''])
  assert.deepEqual(await joined({ clientCAFile: '/given' }, ordinary), [false, '/given'])
})

test('a node of any other cluster learns from that whose certificates to believe', async () => {
  const pem = '-----BEGIN CERTIFICATE-----'
  const publishing = (text: string) => async (): Promise<object> => ({
    data: { 'client-ca-file': text },
  })
  assert.deepEqual(await joined({}, ordinary, publishing(pem)), [false, pem])
  // A file without one keeps a node from starting.
  assert.deepEqual(await joined({}, ordinary, publishing('none')), [false, ''])
  assert.deepEqual(await joined({}, ordinary, async () => ({})), [false, ''])
  const forbidden = (): Promise<never> => Promise.reject(new ApiError(403, 'Cannot get it: no'))
  assert.deepEqual(await joined({}, ordinary, forbidden), [false, ''])
})

test('a node that lets callers do anything believes nobody whom a person has not named', async () => {
  assert.deepEqual(await joined({ authorizationMode: 'AlwaysAllow' }, ordinary), [false, ''])
})

test('the API server says by its version which of the two it is', async () => {
  const client = (gitVersion: string) =>
    ({ getRaw: async () => ({ gitVersion }) }) as unknown as KubeClient
  assert.equal((await planeFacts(client('v1.36.3-vk'), {})).isEmbedded, true)
  assert.equal((await planeFacts(client('v1.36.3-eks-1'), {})).isEmbedded, false)
})
