// SPDX-License-Identifier: Apache-2.0
// The shell that forks for us: that it takes words for what they are, and that its death at any moment starts
// nothing twice, loses nothing and leaves nothing.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { ended, eventually, pidOf, stateOf } from '../../../test/support/process-probes.ts'
import { keyOf, processWorld } from '../../../test/support/process-runtime.ts'
import type { ProcessWorld } from '../../../test/support/process-runtime.ts'
import { tries } from '../../../test/support/test-size.ts'
import { systemClock } from '../../util/clock.ts'
import { findHostTools } from './host-tools.ts'
import { openNamelessFile } from './nameless-file.ts'
import { parseStat, readProc } from './process-identity.ts'
import { Spawner } from './spawner.ts'
import { findStrayDescriptors } from './stray-descriptors.ts'

const tools = findHostTools()
const hasSpawner = process.platform === 'linux' && tools.env !== undefined
const skip = hasSpawner ? false : 'no spawner on this machine'
const { signal } = new AbortController()
const starter = fileURLToPath(new URL('../../../test/support/process-starter.ts', import.meta.url))

test('words reach a program as they are, whatever is in them', { skip }, async () => {
  using dir = temporaryDir()
  using spawner = open()
  const out = join(dir.path, 'out')
  const word = fc
    .array(
      fc.constantFrom(
        "'",
        '"',
        '\\',
        '\n',
        ' ',
        '$(echo no)',
        '`',
        '}',
        ';',
        '#',
        'é',
        '-',
        'launch',
      ),
    )
    .map((parts) => parts.join(''))
  const script = 'out=$1; shift; printf "%s\\0" "$@" >"$out"'
  await fc.assert(
    fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 5 }), async (words) => {
      await spawner.run([tools.shell, '-c', script, 'test', out, ...words], signal)
      assert.deepEqual(readFileSync(out, 'utf8').split('\0').slice(0, -1), words)
    }),
    { numRuns: tries(40, 15) },
  )
})

test(
  'a word that no program can be given is refused, and the next one is taken',
  { skip },
  async () => {
    using spawner = open()
    await assert.rejects(spawner.run(['/bin/true', 'a\0b'], signal), /holds a character/)
    await spawner.run(['/bin/true'], signal)
    await assert.rejects(spawner.run(['/bin/false'], signal), /\/bin\/false ended with exit code 1/)
  },
)

test(
  'whoever waits when the shell ends is told, and the next order has a new shell',
  { skip },
  async () => {
    using spawner = open()
    const waiting = assert.rejects(spawner.run(['/bin/sleep', '60'], signal), /unknown/)
    const first = spawners().at(-1) ?? 0
    const sleeping = await eventualChild(first)
    process.kill(first, 'SIGKILL')
    await waiting
    process.kill(sleeping, 'SIGKILL')
    await spawner.run(['/bin/true'], signal)
    assert.equal(spawners().includes(first), false)
  },
)

test('nothing is started for a descriptor that is ours no more', { skip }, async () => {
  using dir = temporaryDir()
  using spawner = open()
  const descriptor = openNamelessFile('echo never\n')
  closeSync(descriptor)
  using order = spawner.launch(descriptor, [
    dir.path,
    '/dev/null',
    '/dev/null',
    tools.mv,
    '',
    '',
    '',
    '0',
  ])
  await eventually(() => readdirSync(dir.path).includes('exit'))
  assert.deepEqual(readdirSync(dir.path), ['exit'])
  assert.equal(order.isLost, false)
})

test('wrappers that have ended do not stay as zombies', { skip }, async () => {
  await using world = await processWorld()
  const starts = Array.from({ length: 5 }, (_, index) =>
    world.start({ uid: `pod-${index}`, command: ['true'] }),
  )
  await Promise.all(starts.map((start) => world.runtime.startContainer(start, world.context)))
  for (const { key } of starts) await ended(world.runtime, key)
  await eventually(() => childrenOfSpawners().length === 0)
})

test(
  'a spawner that is killed while containers start loses none and starts none twice',
  { skip },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(12), { minLength: 3, maxLength: 3 }), async (pausesMs) => {
        await using world = await processWorld()
        const ran = await fileForAll(world.dir)
        const starts = Array.from({ length: 6 }, (_, index) =>
          startOf(world, { ran, uid: `pod-${index}` }),
        )
        const killing = (async () => {
          for (const pauseMs of pausesMs) {
            await delay(pauseMs)
            for (const pid of spawners()) process.kill(pid, 'SIGKILL')
          }
        })()
        await Promise.all(starts.map((start) => world.runtime.startContainer(start, world.context)))
        await killing
        await eventually(async () => (await linesOf(ran)).length >= starts.length)
        assert.deepEqual(
          (await linesOf(ran)).toSorted(),
          starts.map(({ key }) => key.pod.uid),
        )
        for (const { key } of starts) {
          assert.equal((await stateOf(world.runtime, key))?.kind, 'running')
          await world.runtime.stopContainer(key, { graceMs: 20_000 }, world.context)
          const state = await stateOf(world.runtime, key)
          assert.ok(state?.kind === 'exited' && state.exitCode === 143)
        }
      }),
      { numRuns: tries(2, 1) },
    )
  },
)

test(
  'one life after the other that is killed while it starts the same runs each once',
  { skip },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(30), { minLength: 2, maxLength: 2 }), async (lives) => {
        const dir = await mkdtemp(join(tmpdir(), 'vk-process-'))
        const ran = await fileForAll(dir)
        const uids = ['a', 'b', 'c']
        const starts = uids.map((uid) => ({ uid, command: commandOf(ran, uid) }))
        for (const killAfterMs of lives) {
          const orders = JSON.stringify({ config: {}, starts, killAfterMs })
          await once(spawn(process.execPath, [starter, dir, orders], { stdio: 'ignore' }), 'exit')
        }
        {
          await using world = await processWorld({}, { dir })
          for (const uid of uids) {
            await world.runtime.startContainer(startOf(world, { ran, uid }), world.context)
          }
          await eventually(async () => (await linesOf(ran)).length >= uids.length)
          assert.deepEqual((await linesOf(ran)).toSorted(), uids)
          assert.equal((await world.runtime.listContainers()).length, uids.length)
          for (const uid of uids) assert.ok(await pidOf(world, keyOf(uid)))
        }
        await rm(dir, { recursive: true, force: true })
      }),
      { numRuns: 1 },
    )
  },
)

function open(): Spawner {
  const surroundings = { tools, strayDescriptors: findStrayDescriptors() }
  const spawner = Spawner.open({ surroundings, clock: systemClock, dir: '/test' })
  assert.ok(spawner)
  return spawner
}

function startOf(
  world: ProcessWorld,
  { ran, uid }: { readonly ran: string; readonly uid: string },
): ReturnType<ProcessWorld['start']> {
  return world.start({ uid, command: commandOf(ran, uid) })
}

function commandOf(ran: string, uid: string): readonly string[] {
  return ['sh', '-c', `echo ${uid} >>${ran}; exec sleep 60`]
}

/** A file that containers of all users can write to. */
async function fileForAll(dir: string): Promise<string> {
  const path = join(dir, 'ran')
  await writeFile(path, '')
  for (const each of [dir, path]) chmodSync(each, each === path ? 0o666 : 0o755)
  return path
}

async function linesOf(path: string): Promise<readonly string[]> {
  return (await readFile(path, 'utf8')).split('\n').filter(Boolean)
}

/** Pids of shells that are children of ours and wait for orders. */
function spawners(): readonly number[] {
  return childrenOf(process.pid).filter((pid) => {
    const isSpawner = readProc(`${pid}/cmdline`).includes('virtual-kubelet-spawner')
    return isSpawner && parseStat(readProc(`${pid}/stat`))?.isZombie === false
  })
}

function childrenOfSpawners(): readonly number[] {
  return spawners().flatMap(childrenOf)
}

function childrenOf(pid: number): readonly number[] {
  return readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
}

async function eventualChild(pid: number): Promise<number> {
  await eventually(() => childrenOf(pid).length > 0)
  return childrenOf(pid)[0] ?? 0
}

function temporaryDir(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'vk-spawner-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
