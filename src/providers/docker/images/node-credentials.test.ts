// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeCredentials } from './node-credentials.ts'

const folder = mkdtempSync(join(tmpdir(), 'vk-credentials-'))
after(() => rmSync(folder, { recursive: true }))

function configOf(content: object | string): string {
  const path = join(folder, 'config.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A credential helper of this name, while `work` runs. */
async function withHelper(name: string, script: string, work: () => Promise<void>): Promise<void> {
  const program = join(folder, `docker-credential-${name}`)
  writeFileSync(program, `#!/bin/sh\n${script}\n`)
  chmodSync(program, 0o755)
  const { PATH } = process.env
  process.env['PATH'] = `${folder}:${PATH}`
  try {
    await work()
  } finally {
    process.env['PATH'] = PATH
  }
}

test('a node without a configuration has none', async () => {
  assert.deepEqual(await nodeCredentials(undefined, 'registry.example'), [])
})

test('logins of the file are for their registry only, and passwords may have colons', async () => {
  const path = configOf({
    auths: {
      'https://index.docker.io/v1/': { auth: base64('one:of:them') },
      'registry.example': { auth: base64('two:b') },
      'token.example': { auth: base64('three:'), identitytoken: 'granted' },
    },
  })
  const key = 'https://index.docker.io/v1/'
  const [docker] = await nodeCredentials(path, 'docker.io')
  assert.deepEqual(docker, { registry: key, username: 'one', password: 'of:them' })
  const two = { registry: 'registry.example', username: 'two', password: 'b' }
  assert.deepEqual(await nodeCredentials(path, 'registry.example'), [two])
  const [three] = await nodeCredentials(path, 'token.example')
  assert.equal(three?.identityToken, 'granted')
  assert.deepEqual(await nodeCredentials(path, 'other.example'), [])
})

test('a helper is asked for its registry, and one for all comes after it', async () => {
  const path = configOf({ credHelpers: { 'registry.example': 'own' }, credsStore: 'store' })
  const answers = 'read where; echo "{\\"Username\\":\\"$0\\",\\"Secret\\":\\"for $where\\"}"'
  await withHelper('own', answers, async () => {
    const [own] = await nodeCredentials(path, 'registry.example')
    assert.equal(own?.password, 'for registry.example')
    assert.match(own?.username ?? '', /docker-credential-own$/)
  })
  const token = 'echo \'{"Username":"<token>","Secret":"granted"}\''
  await withHelper('store', token, async () => {
    const [stored] = await nodeCredentials(path, 'docker.io')
    const registry = 'https://index.docker.io/v1/'
    const expected = { registry, username: '', password: '', identityToken: 'granted' }
    assert.deepEqual(stored, expected)
  })
})

test('a helper that has nothing leaves it to the logins, and one that says nonsense fails', async () => {
  const auths = { 'registry.example': { auth: base64('two:b') } }
  const path = configOf({ credsStore: 'store', auths })
  await withHelper('store', 'exit 1', async () => {
    const [login] = await nodeCredentials(path, 'registry.example')
    assert.equal(login?.username, 'two')
  })
  await withHelper('store', 'echo secret', async () => {
    await assert.rejects(nodeCredentials(path, 'registry.example'), {
      message: 'docker-credential-store gave no credential that can be read',
    })
  })
})

test('a helper that is missing, and a file that is no JSON, are told of without what is in them', async () => {
  const missing = configOf({ credsStore: 'absent' })
  await assert.rejects(nodeCredentials(missing, 'registry.example'), {
    message: 'Cannot run docker-credential-absent: ENOENT',
  })
  const path = configOf('{"auths": {"registry.example": {"auth": "c2VjcmV0"')
  await assert.rejects(nodeCredentials(path, 'registry.example'), {
    message: `the node's registryConfig "${path}" cannot be read as JSON`,
  })
})
