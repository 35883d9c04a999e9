// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spawn } from '@lydell/node-pty'
import { systemClock } from '../../../util/clock.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import type { ContainerProcess } from '../container-process.ts'
import { TerminalResizer } from './terminal-resizer.ts'

const skip = process.platform === 'linux' ? false : 'terminals are found by /proc'

/** A container whose program this process has started; `isThere` says whether it has been. */
class StubContainer {
  isRunning = true
  isThere = false
  asked = 0

  program(): Promise<{ readonly programPid: number } | undefined> {
    this.asked += 1
    return Promise.resolve(this.isThere ? { programPid: process.pid } : undefined)
  }
}

async function until(clock: FakeClock, isSo: () => boolean): Promise<void> {
  while (!isSo()) await clock.advance(5000)
}

test('a size is set however late the terminal comes', { skip }, async (t) => {
  const [clock, container] = [new FakeClock(), new StubContainer()]
  const resizer = new TerminalResizer(container as unknown as ContainerProcess, clock)
  resizer.resize({ width: 101, height: 33 })
  await until(clock, () => container.asked > 25)
  const terminal = spawn('sh', ['-c', 'until [ "$(stty size)" = "33 101" ]; do sleep 0.05; done'], {
    cols: 80,
    rows: 24,
  })
  t.after(() => terminal.kill())
  const ended = new Promise<number>((resolve) => {
    terminal.onExit(({ exitCode }) => resolve(exitCode))
  })
  container.isThere = true
  let exitCode: number | void
  do {
    await clock.advance(5000)
    exitCode = await Promise.race([ended, systemClock.sleep(20)])
  } while (exitCode === undefined)
  assert.equal(exitCode, 0)
})

test('nobody looks for the terminal of a container that has ended', { skip }, async () => {
  const [clock, container] = [new FakeClock(), new StubContainer()]
  const resizer = new TerminalResizer(container as unknown as ContainerProcess, clock)
  resizer.resize({ width: 101, height: 33 })
  await until(clock, () => container.asked > 2)
  container.isRunning = false
  await until(clock, () => clock.pending === 0)
})
