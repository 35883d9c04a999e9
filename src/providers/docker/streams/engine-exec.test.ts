// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../../test/support/build-pod.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { execInEngine, type ExecPlace } from './engine-exec.ts'

const choice = { stdin: false, stdout: true, stderr: true, tty: true }
const options = { ...choice, command: ['x'], pod: buildPod(), spec: buildContainer({}) }
/** As Docker says it of what is being started. */
const unknown = { Running: false, ExitCode: null, Pid: 0 }

/** A command that an engine says `state.now` of. */
function world() {
  const clock = new FakeClock()
  const connection = new PassThrough()
  const state = { now: unknown as object, looks: 0 }
  const client = {
    hijack: async () => connection,
    text: async () => '',
    json: async ({ path }: { path: string }) => {
      if (path.endsWith('/exec')) return { Id: 'e1' }
      state.looks += 1
      return state.now
    },
  }
  // Every control group of the machine has this in its name.
  const engineId = ':'
  const engine = { client, isLocal: true, kind: 'docker', info: {} }
  const place = { engine, clock, engineId } as unknown as ExecPlace
  return { clock, connection, state, place }
}

test('a command whose client leaves is killed, also where the engine says later that it runs', async () => {
  const { clock, connection, state, place } = world()
  const command = spawn('sleep', ['1000'])
  const ended = once(command, 'exit')
  const client = new AbortController()
  connection.write('words')
  await execInEngine(place, options, { signal: client.signal })
  client.abort()
  await clock.advance(1000)
  assert.equal(command.exitCode, null)
  state.now = { Running: true, ExitCode: null, Pid: command.pid }
  await clock.advance(1000)
  const [, signal] = (await ended) as [number | null, string]
  assert.equal(signal, 'SIGKILL')
  const { looks } = state
  await clock.advance(60_000)
  assert.equal(state.looks, looks, 'nobody asks any more')
})

test('a command that is over before its engine has said that it runs is not asked after for long', async () => {
  const { clock, connection, state, place } = world()
  connection.end('words')
  state.now = { Running: false, ExitCode: 3, Pid: 0 }
  const { signal } = new AbortController()
  const starting = execInEngine(place, options, { signal })
  await clock.advance(100)
  const { exited } = await starting
  const { looks } = state
  await clock.advance(60_000)
  assert.ok(state.looks <= looks + 1, `${state.looks - looks} questions`)
  assert.equal((await exited).exitCode, 3)
})

test('a command that comes when its container ends has not been run, and said nothing', async () => {
  const refusals = [
    'OCI runtime exec failed: x',
    'cannot exec in a stopped state: unknown',
    `task ${'f'.repeat(64)} not found: not found`,
  ]
  for (const words of refusals) {
    const { clock, connection, state, place } = world()
    connection.end(`${words}\r\n`)
    state.now = { Running: false, ExitCode: 126, Pid: 0 }
    const { signal } = new AbortController()
    const refused = assert.rejects(execInEngine(place, options, { signal }), { message: words })
    await clock.advance(100)
    await refused
  }
})
