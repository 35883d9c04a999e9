// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { runBounded, type BoundedProgram } from './bounded-program.ts'
import { FakeClock } from './fake-clock.ts'

const skip = process.platform === 'win32' ? 'it needs a shell' : false
const env = { PATH: process.env['PATH'] }

function program(script: string, more: Partial<BoundedProgram> = {}): BoundedProgram {
  const limits = { clock: new FakeClock(), timeoutMs: 60_000, maxOutputBytes: 1000 }
  return { file: '/bin/sh', args: ['-c', script], env, ...limits, ...more }
}

/** A script that does not listen to TERM, whose helper has its output; both note their pids. */
const stubborn = (note: string): string =>
  `trap '' TERM; sleep 1000 & echo "$$ $!" >${note}.tmp; mv ${note}.tmp ${note}; wait; sleep 1000`

async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(10)
}

async function notedPids(note: string): Promise<readonly number[]> {
  await eventually(() => existsSync(note))
  return readFileSync(note, 'utf8').split(' ').map(Number)
}

/** A zombie has no command line; who should bury it may take its time. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}

test(
  'a program’s outputs and exit code are told, and its input is at its end',
  { skip },
  async () => {
    const end = await runBounded(program('cat; echo out; echo err >&2; exit 3'))
    assert.deepEqual(end, { kind: 'exited', code: 3, stdout: 'out\n', stderr: 'err\n' })
    const killed = await runBounded(program('kill -KILL $$'))
    assert.deepEqual([killed.kind, killed.kind === 'exited' && killed.code], ['exited', null])
    await assert.rejects(runBounded(program('', { file: '/no/such/program' })), { code: 'ENOENT' })
  },
)

test('one that says too much is ended', { skip }, async () => {
  assert.deepEqual(await runBounded(program('while :; do echo yes; done')), { kind: 'too long' })
})

test(
  'one whose time is over is ended with all that it has started, whatever they listen to',
  { skip: process.platform === 'linux' ? false : 'it needs /proc' },
  async () => {
    await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-bounded-'))
    const clock = new FakeClock()
    const note = join(dir.path, 'pids')
    const running = runBounded(program(stubborn(note), { clock }))
    const pids = await notedPids(note)
    await clock.advance(60_000)
    assert.deepEqual(await running, { kind: 'late' })
    await eventually(() => !pids.some(isRunning))
    assert.equal(clock.pending, 0)
  },
)

test(
  'one that runs when we end goes with us',
  { skip: process.platform === 'linux' ? false : 'it needs /proc' },
  async () => {
    await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-bounded-'))
    const note = join(dir.path, 'pids')
    const code = `
      import { systemClock } from ${JSON.stringify(import.meta.resolve('./clock.ts'))}
      import { runBounded } from ${JSON.stringify(import.meta.resolve('./bounded-program.ts'))}
      process.once('SIGTERM', () => process.exit(7))
      await runBounded({ ...${JSON.stringify(program(stubborn(note)))}, clock: systemClock })`
    const life = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
    const pids = await notedPids(note)
    life.kill('SIGTERM')
    assert.deepEqual(await once(life, 'exit'), [7, null])
    await eventually(() => !pids.some(isRunning))
  },
)
