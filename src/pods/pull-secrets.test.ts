// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, Secret } from '../kube/types.gen.ts'
import { credentialsOf, readPullSecrets } from './pull-secrets.ts'

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')
const metadata = { namespace: 'n', name: 's', uid: 'u' }
const auth = Buffer.from('user:pass:word').toString('base64')

test('both forms of pull secrets give their credentials', () => {
  const auths = { 'registry.example': { auth }, other: { username: 'a', password: 'b' } }
  const expected = [
    { registry: 'registry.example', username: 'user', password: 'pass:word' },
    { registry: 'other', username: 'a', password: 'b' },
  ]
  const json: Secret = {
    metadata,
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': encode({ auths }) },
  }
  assert.deepEqual(credentialsOf(json), expected)
  const old: Secret = {
    metadata,
    type: 'kubernetes.io/dockercfg',
    data: { '.dockercfg': encode(auths) },
  }
  assert.deepEqual(credentialsOf(old), expected)
})

test('an identity token is kept', () => {
  const auths = { r: { identitytoken: 'token' } }
  const data = { '.dockerconfigjson': encode({ auths }) }
  assert.deepEqual(credentialsOf({ type: 'kubernetes.io/dockerconfigjson', data }), [
    { registry: 'r', username: '', password: '', identityToken: 'token' },
  ])
})

test('a secret that is none of a registry, or broken, gives nothing', () => {
  assert.equal(credentialsOf({ type: 'Opaque', data: {} }), undefined)
  const data = { '.dockerconfigjson': Buffer.from('{"auths": secret').toString('base64') }
  assert.equal(credentialsOf({ type: 'kubernetes.io/dockerconfigjson', data }), undefined)
})

test('secrets that are missing or broken are named in one event, and the others serve', async () => {
  const events: string[] = []
  const good: Secret = {
    metadata,
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': encode({ auths: { r: { auth } } }) },
  }
  const secrets = new Map<string, Secret>([
    ['good', good],
    ['broken', { metadata, type: 'Opaque', data: {} }],
  ])
  const names = ['missing', 'good', 'broken']
  const pod: Pod = {
    metadata: { namespace: 'n', name: 'p', uid: 'u' },
    spec: { containers: [], imagePullSecrets: names.map((name) => ({ name })) },
  }
  const credentials = await readPullSecrets(pod, {
    secret: (name) => Promise.resolve(secrets.get(name)),
    notice: ({ reason, message }) => void events.push(`${reason}: ${message}`),
  })
  assert.equal(credentials.length, 1)
  assert.deepEqual(events, [
    'FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (missing, broken); ' +
      'attempting to pull the image may not succeed.',
  ])
})
