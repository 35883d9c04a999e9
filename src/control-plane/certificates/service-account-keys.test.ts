// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { ServiceAccountKeys } from './service-account-keys.ts'

const fileName = 'service-account-keys.pem'

test('keeps keys over a restart, and of retired ones only the public half', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'keys-'))
  await using _ = {
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
  const keys = await ServiceAccountKeys.open(folder)
  const first = keys.signing
  await keys.rotate()
  const reopened = await ServiceAccountKeys.open(folder)
  assert.equal(reopened.signing.id, keys.signing.id)
  assert.notEqual(reopened.signing.id, first.id)
  assert.equal(reopened.verifying(first.id)?.type, 'public')
  assert.deepEqual(reopened.jwks(), keys.jwks())
  const { mode } = await stat(path.join(folder, fileName))
  assert.equal(mode & 0o777, 0o600)
  await writeFile(path.join(folder, fileName), '')
  await assert.rejects(ServiceAccountKeys.open(folder), /is incomplete/)
})
