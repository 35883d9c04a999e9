// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { collectProcess } from '../../../../test/support/collected-process.ts'
import { startInTerminal } from './terminal-command.ts'

const skip = process.platform === 'linux' ? false : 'commands are run on Linux only'

/** Until it is called off, nothing that Node.js leaves to its threads is done. */
function busyThreads(dir: string): () => Promise<void> {
  const count = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  // Each waits for somebody to write.
  const readers = Array.from({ length: count }, () => open(pipe, 'r'))
  return async () => {
    const writer = openSync(pipe, constants.O_RDWR)
    const files = await Promise.all(readers)
    closeSync(writer)
    for (const file of files) await file.close()
  }
}

test(
  'a quick command tells what it has to say and its end, however long its terminal waits for its owner',
  {
    skip,
  },
  async () => {
    await import('@lydell/node-pty')
    const dir = mkdtempSync(join(tmpdir(), 'vk-terminal-'))
    const user = { uid: (process.getuid?.() ?? 0) + 1, gid: 0, supplementalGroups: [] }
    const line = {
      file: '/bin/sh',
      args: ['-c', 'echo hello; >"$1"; exit 3', 'sh', join(dir, 'done')],
      [Symbol.dispose]: () => {},
    }
    const before = children()
    const callOff = busyThreads(dir)
    try {
      const starting = startInTerminal(line, { user })
      while (!existsSync(join(dir, 'done'))) await nextTurn()
      while (children().some((pid) => !before.includes(pid))) await nextTurn()
      // What its end sets off.
      for (let turns = 0; turns < 1000; turns += 1) await nextTurn()
      await callOff()
      const { streams } = await starting
      const result = await collectProcess(streams)
      assert.deepEqual([result.stdout, result.exitCode], ['hello\r\n', 3])
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
)

/** Pids of what this thread has started and not buried yet. */
function children(): readonly string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ')
}
