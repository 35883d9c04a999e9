// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const pool = JSON.stringify(import.meta.resolve('./pipe-pool.ts'))

/** Asks for a pipe when no descriptor is left, and then once more. */
const script = `
const { closeSync, openSync } = require('node:fs')
import(${pool}).then(async ({ PipePool }) => {
  const pool = new PipePool('/bin/sh')
  const held = []
  try { for (;;) held.push(openSync('/dev/null')) }
  catch (error) { if (error.code !== 'EMFILE') throw error }
  const user = { uid: process.getuid(), gid: process.getgid(), supplementalGroups: [] }
  await pool.openInput(user).catch(({ message }) => held.unshift(message))
  await new Promise((resolve) => setImmediate(resolve))
  const [message, ...descriptors] = held
  for (const descriptor of descriptors) closeSync(descriptor)
  const { stream } = await pool.openInput(user)
  console.log(message, stream.writable)
  process.exit()
})`

test(
  'a machine without descriptors left refuses a command, and its node lives on',
  { skip: process.platform !== 'linux' && 'pipes of commands are made on Linux' },
  async () => {
    const words = ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, '-e', script]
    const { stdout } = await promisify(execFile)('/bin/sh', words)
    assert.equal(stdout, 'Cannot start sh: too many open files true\n')
  },
)
