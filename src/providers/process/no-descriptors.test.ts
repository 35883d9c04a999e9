// SPDX-License-Identifier: Apache-2.0
// What a node does while it has no descriptors left: it lives on, loses none of those it had, and takes nothing that
// it cannot look at for ended.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const skip = process.platform !== 'linux' && 'processes are looked at through /proc on Linux only'
const folder = JSON.stringify(import.meta.resolve('./'))

/** Runs with a hundred descriptors; tells what came of three things that need one more than there are. */
const script = `
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { closeSync, openSync, readdirSync } = require('node:fs')
const held = []
const fill = (left) => {
  try { for (;;) held.push(openSync('/dev/null')) }
  catch (error) { if (error.code !== 'EMFILE') throw error }
  for (const one of held.splice(0, left)) closeSync(one)
}
const empty = () => { for (const one of held.splice(0)) closeSync(one) }
const count = () => readdirSync('/proc/self/fd').length
const paths = ['process-identity.ts', 'streams/pipe-pool.ts', 'streams/end-session.ts']
Promise.all(paths.map((path) => import(${folder} + path))).then(async (modules) => {
  const [{ observeProcess }, { PipePool }, { endSession }] = modules
  const codeOf = async (promise) => await promise.catch((error) => error.code)

  fill(0)
  const seen = await codeOf(observeProcess(process.pid))
  empty()

  const pool = new PipePool('/bin/sh')
  const user = { uid: process.getuid(), gid: process.getgid(), supplementalGroups: [] }
  // The first makes several.
  const first = await pool.openInput(user)
  const before = count()
  fill(1)
  const opened = await codeOf(pool.openInput(user))
  empty()
  const lost = before - 1 - count()

  const stubborn = "trap '' HUP TERM; echo ready; while :; do sleep 1; done"
  const stdio = ['ignore', 'pipe', 'ignore']
  const child = spawn('/bin/sh', ['-c', stubborn], { detached: true, stdio })
  await once(child.stdout, 'data')
  const exited = once(child, 'exit')
  fill(0)
  const clock = { sleep: async () => {} }
  const ended = await codeOf(endSession(child.pid, { clock, isOver: () => false }))
  if (ended !== undefined) process.kill(-child.pid, 'SIGKILL')
  await exited
  empty()
  console.log(JSON.stringify({ seen, opened, lost, ended }))
  process.exit()
})`

test(
  'without descriptors left nothing seems to have ended, none is lost, and what is to end does',
  {
    skip,
  },
  async () => {
    const words = ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, '-e', script]
    const { stdout } = await promisify(execFile)('/bin/sh', words)
    const told = { seen: 'EMFILE', opened: 'EMFILE', lost: 0 }
    assert.deepEqual(JSON.parse(stdout), told)
  },
)
