// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { killInContainer } from './kill-in-container.ts'

/** No control group has it in its name. */
const engineId = 'no container of this machine'
const apart = ['--pid', '--fork', '--kill-child']
const canPart = spawnSync('unshare', [...apart, 'true']).status === 0
const skip = !canPart && 'process namespaces cannot be made here'

/** Starts the program; it is ended with what is disposed of. */
function running(program: string, ...args: readonly string[]): ChildProcess & Disposable {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill('SIGKILL') })
}

test('a process of no such group is not touched, whoever its number belongs to', () => {
  using other = running('sleep', '1000')
  const { pid = 0 } = other
  assert.equal(killInContainer(pid, { engineId }), false)
  // As in a container that shares the processes of its machine.
  assert.equal(killInContainer(pid, { engineId, firstPid: process.pid }), false)
  assert.equal(other.kill(0), true)
})

test(
  'without groups a process is killed for its namespace, and none of another one',
  { skip },
  async () => {
    using first = running('unshare', ...apart, 'sh', '-c', 'sleep 1000 & echo up; wait')
    using other = running('sleep', '1000')
    assert.ok(first.stdout)
    await once(first.stdout, 'data')
    const [inside = 0] = childrenOf(first.pid)
    const [command = 0] = childrenOf(inside)
    assert.ok(inside && command)
    assert.equal(killInContainer(other.pid ?? 0, { engineId, firstPid: inside }), false)
    assert.equal(killInContainer(command, { engineId }), false)
    assert.equal(killInContainer(command, { engineId, firstPid: inside }), true)
    // The shell has waited for it.
    await once(first, 'exit')
    assert.equal(other.kill(0), true)
  },
)

function childrenOf(pid: number | undefined): readonly number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return list.split(' ').filter(Boolean).map(Number)
}
