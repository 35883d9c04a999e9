// SPDX-License-Identifier: Apache-2.0
// Attaching to real processes, with and without a terminal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutputReader } from '../../../../test/support/collected-process.ts'
import { ended, eventually, pidOf } from '../../../../test/support/process-probes.ts'
import { processWorld } from '../../../../test/support/process-runtime.ts'
import type { ProcessWorld } from '../../../../test/support/process-runtime.ts'
import type { Container } from '../../../kube/types.gen.ts'
import type { StreamChoice } from '../../../provider/streams.ts'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import type { ProcessRuntime } from '../process-runtime.ts'
import { readProcessTable } from '../process-table.ts'

const linuxOnly = process.platform === 'linux' ? false : 'pipes are reached by /proc on Linux only'

async function begin(
  world: ProcessWorld,
  script: string,
  { name = 'main', ...spec }: Partial<Container> = {},
): Promise<ContainerStart> {
  const start = world.start({ name, command: ['sh', '-c', script], spec: { stdin: true, ...spec } })
  await world.runtime.startContainer(start, world.context)
  return start
}

async function attach(
  { runtime, context }: Pick<ProcessWorld, 'runtime' | 'context'>,
  { attemptDir, key, spec }: ContainerStart,
  options: Partial<StreamChoice> & { readonly signal?: AbortSignal } = {},
) {
  const { signal = context.signal, ...choice } = options
  const all = { stdin: true, stdout: true, stderr: true, tty: spec.tty === true }
  const streams = await runtime.attach(
    key,
    { ...all, ...choice, spec, attemptDir },
    {
      ...context,
      signal,
    },
  )
  return { streams, out: new OutputReader(streams.stdout), err: new OutputReader(streams.stderr) }
}

const echo =
  'while read -r line; do printf "got %s" "$line"; echo " err" >&2; done; echo eof; exit 3'

test('input goes to the program, and its output comes from now on, line break or not', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world, `echo before; ${echo}`)
  await eventually(async () => (await world.output(start)) === 'before\n')
  const { err, out, streams } = await attach(world, start)
  streams.stdin?.write('one\n')
  await out.until((text) => text.endsWith('one'))
  await err.until((text) => text.endsWith('err\n'))
  assert.equal(out.text, 'got one')
  assert.equal(await world.output(start), 'before\ngot one')
})

test('a program sees no end of input while nobody is attached, nor when a client leaves', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world, echo)
  const first = new AbortController()
  const { out, streams } = await attach(world, start, { signal: first.signal })
  streams.stdin?.write('one\n')
  await out.until((text) => text.endsWith('one'))
  streams.stdin?.end()
  first.abort()
  const again = await attach(world, start)
  again.streams.stdin?.write('two\n')
  await again.out.until((text) => text === 'got two')
})

test('with stdinOnce the end of the first client’s input is the program’s', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  for (const how of ['end', 'leave'] as const) {
    const gone = new AbortController()
    const start = await begin(world, `sleep 0.1; ${echo}; sleep 60`, {
      name: how,
      stdinOnce: true,
    })
    const { out, streams } = await attach(world, start, { signal: gone.signal })
    streams.stdin?.write('one\n')
    await out.until((text) => text.endsWith('one'))
    if (how === 'end') streams.stdin?.end()
    else gone.abort()
    await eventually(async () => (await world.output(start)).endsWith('eof\n'))
  }
})

test('a later life of ours attaches too, and the program goes on reading', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world, echo)
  const runtime: ProcessRuntime = await world.reopen()
  const { out, streams } = await attach({ runtime, context: world.context }, start)
  streams.stdin?.write('later\n')
  await out.until((text) => text === 'got later')
})

test('the streams end with the program, when all of its output is handed out', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world, 'read -r line; head -c 300000 /dev/zero; exit 3')
  const { out, streams } = await attach(world, start)
  const closed = new Promise((resolve) => streams.stdout?.once('close', resolve))
  streams.stdin?.write('go\n')
  await closed
  await streams.exited
  assert.equal(out.text.length, 300_000)
  const state = await ended(world.runtime, start.key)
  assert.equal(state.kind === 'exited' && state.exitCode, 3)
})

test('a container without stdin reads nothing, and has no input to attach to', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world, 'cat; echo eof; sleep 60', { stdin: false })
  await eventually(async () => (await world.output(start)) === 'eof\n')
  const { streams } = await attach(world, start)
  assert.equal(streams.stdin, undefined)
})

test('a container with a terminal has one, with the client’s size and its own exit code', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  if (world.surroundings.tools.script === undefined) return t.skip('this machine has no script')
  const script = 'while read -r line; do eval "$line"; done'
  const start = await begin(world, script, { tty: true })
  const { out, streams } = await attach(world, start, { stderr: false })
  streams.resize({ width: 101, height: 33 })
  streams.stdin?.write('echo $TERM on $(tty)\n')
  await out.until((text) => /xterm on \/dev\/pts\/\d+\r\n/.test(text))
  let asked = 0
  await eventually(async () => {
    streams.stdin?.write(`stty size; echo asked ${asked}\n`)
    await out.until((text) => text.includes(`\nasked ${asked}\r\n`))
    asked += 1
    return out.text.includes('33 101\r\n')
  })
  streams.stdin?.write('exit 5\n')
  const state = await ended(world.runtime, start.key)
  assert.equal(state.kind === 'exited' && state.exitCode, 5)
})

test('no keeper of an input is left behind, not even by a wrapper that was killed', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  for (const isKilled of [false, true]) {
    const start = await begin(world, echo, { name: isKilled ? 'killed' : 'stopped' })
    const wrapper = await pidOf(world, start.key, 'wrapper')
    const program = await pidOf(world, start.key)
    const keepers = (await childrenOf(wrapper)).filter((pid) => pid !== program)
    assert.ok(keepers.length > 0)
    if (isKilled) process.kill(wrapper, 'SIGKILL')
    await world.runtime.stopContainer(start.key, { graceMs: 0 }, world.context)
    await world.runtime.removeContainer(start.key)
    await eventually(async () => {
      const table = await readProcessTable()
      return !table.some(({ pid, isZombie }) => keepers.includes(pid) && !isZombie)
    })
  }
})

async function childrenOf(parent: number): Promise<readonly number[]> {
  const table = await readProcessTable()
  return table.filter((entry) => entry.parent === parent && !entry.isZombie).map(({ pid }) => pid)
}
