// SPDX-License-Identifier: Apache-2.0
// Whom the stop signal reaches, and who is gone once a container has ended: with real processes, among the
// host's and in sandboxes.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { ended, eventually, pidOf, stateOf } from '../../../test/support/process-probes.ts'
import { processWorld } from '../../../test/support/process-runtime.ts'
import type { ProcessWorld } from '../../../test/support/process-runtime.ts'
import { noSandbox } from '../../../test/support/sandbox-world.ts'
import type { ContainerStart, ContainerState } from '../../runtime/container-runtime.ts'

const modes = [
  { isolation: 'none', where: 'among the host’s', skip: false },
  { isolation: 'bubblewrap', where: 'in a sandbox', skip: noSandbox },
] as const

// The worker hears USR1 from the program alone. What a stop signal did to it would be in the output. It is ready
// once the program knows its pid.
const drainingProgram = (stopSignal: number): string => `
trap 'echo draining; sleep 0.2; kill -USR1 $worker; wait $worker; echo "worker $?"; exit 7' ${stopSignal}
sh -c 'trap "echo early; exit 1" ${stopSignal}; trap "echo told; exit 0" USR1
  until [ -e /tmp/vk-known-$PPID ]; do sleep 0.02; done; rm /tmp/vk-known-$PPID; echo ready
  while :; do sleep 0.02; done' &
worker=$!
: >/tmp/vk-known-$$
while :; do sleep 0.02; done`

for (const { isolation, where, skip } of modes) {
  test(`the stop signal reaches a program ${where} and not its children`, { skip }, async () => {
    await using world = await processWorld({ isolation })
    const signals = { SIGTERM: 15, SIGUSR2: 12, 'SIGRTMIN+3': 37 }
    const seen = Object.entries(signals).map(async ([signal, number]) => {
      const start = world.start({ uid: signal, command: ['sh', '-c', drainingProgram(number)] })
      await begin(world, start)
      await world.runtime.stopContainer(start.key, { graceMs: 20_000, signal }, world.context)
      const output = await world.output(start)
      return { output, code: codeOf(await stateOf(world.runtime, start.key)) }
    })
    const expected = { output: 'ready\ndraining\ntold\nworker 0\n', code: 7 }
    assert.deepEqual(await Promise.all(seen), [expected, expected, expected])
  })

  test(
    `what a program ${where} leaves when it is told to end, ends with it`,
    { skip },
    async () => {
      await using world = await processWorld({ isolation, cgroupRoot: false })
      const child = sleepFor(1)
      const script = `(trap "" TERM; ${child}) & trap "exit 3" TERM; echo ready; while :; do sleep 0.02; done`
      const start = world.start({ command: ['sh', '-c', script] })
      await begin(world, start)
      await eventually(() => isRunning(child))
      await world.runtime.stopContainer(start.key, { graceMs: 20_000 }, world.context)
      assert.equal(codeOf(await stateOf(world.runtime, start.key)), 3)
      assert.equal(isRunning(child), false)
    },
  )

  test(
    `a program ${where} that ignores its signal is killed with all its children after the grace`,
    { skip },
    async () => {
      await using world = await processWorld({ isolation })
      const child = sleepFor(2)
      const script = `trap "" USR2; ${child} & echo ready; while :; do wait; done`
      const start = world.start({ command: ['sh', '-c', script] })
      await begin(world, start)
      const options = { graceMs: 150, signal: 'SIGUSR2' }
      await world.runtime.stopContainer(start.key, options, world.context)
      assert.equal(codeOf(await stateOf(world.runtime, start.key)), 137)
      assert.equal(isRunning(child), false)
    },
  )

  test(`a program ${where} that shells became has its signal and its code`, { skip }, async () => {
    await using world = await processWorld({ isolation })
    const start = world.start({ command: ['sh', '-c', 'echo ready; exec sh -c "exec sleep 60"'] })
    await begin(world, start)
    const options = { graceMs: 20_000, signal: 'SIGINT' }
    await world.runtime.stopContainer(start.key, options, world.context)
    assert.equal(codeOf(await stateOf(world.runtime, start.key)), 130)
  })

  test(
    `a program ${where} with a terminal has the signal too, and its grace`,
    { skip },
    async (t) => {
      await using world = await processWorld({ isolation })
      if (world.surroundings.tools.script === undefined) return t.skip('this machine has no script')
      const signals = { SIGTERM: 15, SIGUSR2: 12 }
      const codes = Object.entries(signals).map(async ([signal, number]) => {
        // `script` would give what it holds two seconds.
        const script = `trap "echo bye; sleep 2.3; exit 7" ${number}; echo ready; while :; do sleep 0.02; done`
        const command = ['sh', '-c', script]
        const start = world.start({ uid: signal, command, spec: { tty: true } })
        await world.runtime.startContainer(start, world.context)
        await eventually(async () => (await world.output(start)) === 'ready\r\n')
        await world.runtime.stopContainer(start.key, { graceMs: 20_000, signal }, world.context)
        assert.equal(await world.output(start), 'ready\r\nbye\r\n')
        return codeOf(await stateOf(world.runtime, start.key))
      })
      assert.deepEqual(await Promise.all(codes), [7, 7])
      const plain = world.start({
        command: ['sh', '-c', 'echo; exec sleep 60'],
        spec: { tty: true },
      })
      await world.runtime.startContainer(plain, world.context)
      await eventually(async () => (await world.output(plain)) !== '')
      await world.runtime.stopContainer(plain.key, { graceMs: 20_000 }, world.context)
      assert.equal(codeOf(await stateOf(world.runtime, plain.key)), 143)
    },
  )

  test(
    `the signal finds an adopted program ${where}, without a wrapper too`,
    { skip },
    async () => {
      await using world = await processWorld({ isolation })
      const command = ['sh', '-c', drainingProgram(15)]
      for (const uid of ['whole', 'orphaned']) {
        const start = world.start({ uid, command })
        await begin(world, start)
        if (uid === 'orphaned') process.kill(await pidOf(world, start.key, 'wrapper'), 'SIGKILL')
        const adopted = await world.reopen()
        await adopted.stopContainer(start.key, { graceMs: 20_000 }, world.context)
        const state = await ended(adopted, start.key)
        assert.equal(uid === 'whole' ? codeOf(state) : state.kind, uid === 'whole' ? 7 : 'lost')
        assert.equal(await world.output(start), 'ready\ndraining\ntold\nworker 0\n')
      }
    },
  )
}

async function begin(world: ProcessWorld, start: ContainerStart): Promise<void> {
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)) === 'ready\n')
}

/** A command that no other process of this machine has. */
function sleepFor(minutes: number): string {
  return `sleep ${minutes}${process.pid}`
}

function codeOf(state: ContainerState | undefined): number | undefined {
  return state?.kind === 'exited' ? state.exitCode : undefined
}

function isRunning(command: string): boolean {
  const line = `${command.replaceAll(' ', '\0')}\0`
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && commandLineOf(pid) === line)
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
