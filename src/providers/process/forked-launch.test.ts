// SPDX-License-Identifier: Apache-2.0
// Launches whose stage and wrapper are killed at the worst moments: no start waits for what nobody will say.
import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../../test/support/process-probes.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { createLaunch, type Launch } from './exit-record.ts'
import { launchForked, SpawnerLost } from './forked-launch.ts'
import { findHostTools } from './host-tools.ts'
import type { LaunchPlan } from './launch-plan.ts'
import type { LaunchOrder, Spawner } from './spawner.ts'
import { parseStat, readBootId, readProc } from './process-identity.ts'
import type { WatchedDir } from './watched-dir.ts'

const skip = process.platform === 'linux' ? false : 'no spawner on this machine'

const record = {
  version: 1,
  id: 'abc',
  key: { pod: { namespace: 'n', name: 'p', uid: 'u' }, name: 'main', attempt: 0 },
  image: 'host',
  imageId: 'host',
  user: { uid: 0, gid: 0, supplementalGroups: [] },
  bootId: readBootId(),
  sandbox: { hasOwnProcesses: true, scratch: '' },
} as const

const { pid } = process
const own = parseStat(readProc(`${pid}/stat`))?.startTime ?? ''
/** Ours is the pid of neither, by its start time. */
const dead = `${pid}|1`

test(
  'a start whose stage and wrapper were both killed fails with what was said',
  { skip },
  async () => {
    await using world = await startWorld()
    await world.note('said', 'bwrap: no such thing\n')
    await world.note('started', `${dead}|${dead}|.\n`)
    await world.clock.advance(1000)
    await eventually(world.isSettled)
    await assert.rejects(world.outcome, { message: 'Cannot start process: bwrap: no such thing' })
    assert.equal(world.order.isDone, true)
  },
)

test('a start whose stage was killed waits for the word of its wrapper', { skip }, async () => {
  await using world = await startWorld()
  await world.note('started', `${dead}|${pid}|${own}|.\n`)
  await world.clock.advance(5000)
  assert.equal(world.isSettled(), false)
  await world.note('exit', '137\n')
  await assert.rejects(world.outcome, { message: 'Cannot start process: its wrapper ended' })
})

test(
  'where a note stays empty, since its stage was killed, another way is the one to go',
  { skip },
  async () => {
    await using world = await startWorld()
    await world.note('started', '')
    await world.clock.advance(59_000)
    assert.equal(world.isSettled(), false)
    await world.clock.advance(2000)
    await eventually(world.isSettled)
    await assert.rejects(world.outcome, SpawnerLost)
  },
)

/** A launch that a spawner was asked for, which does nothing. */
async function startWorld() {
  const parent = await mkdtemp(join(tmpdir(), 'vk-launch-'))
  const made: Launch = await createLaunch(parent, record)
  const clock = new FakeClock()
  const order: LaunchOrder = {
    isDone: false,
    isLost: false,
    onLost: () => {},
    [Symbol.dispose]: () => {},
  }
  const watched: WatchedDir = { onChange: () => {}, [Symbol.dispose]: () => {} }
  const spawner: Pick<Spawner, 'session' | 'launch'> = { session: [], launch: () => order }
  const how = { spawner, tools: findHostTools(), clock, watched }
  let isSettled = false
  const outcome = launchForked({ made, plan: planOf(made) }, how)
  outcome.catch(() => {}).finally(() => void (isSettled = true))
  return {
    outcome,
    order,
    clock,
    isSettled: () => isSettled,
    /** What stage or wrapper write, whole or not at all. */
    note: async (name: string, text: string): Promise<void> => {
      await writeFile(join(made.dir, 'tmp'), text)
      await rename(join(made.dir, 'tmp'), join(made.dir, name))
      watched.onChange(name)
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  }
}

function planOf({ dir }: Launch): LaunchPlan {
  return {
    dir,
    stdoutPath: '/dev/null',
    stderrPath: '/dev/null',
    program: { argv: ['/bin/true'], workingDir: '/' },
    env: new Map(),
    user: undefined,
    noNewPrivileges: false,
    dropped: [],
    hidden: undefined,
    isolation: undefined,
    cgroupFiles: [],
    killFile: undefined,
    hasInput: false,
  }
}
