// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { systemClock } from '../../util/clock.ts'
import type { ContainerProcess } from './container-process.ts'
import { StatsReader } from './process-stats.ts'

const skip = !existsSync('/proc/self/schedstat') && 'the kernel counts no run times of threads'

test(
  'a container that idles has used some CPU, also where no control group counts it',
  { skip },
  async () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true })
    try {
      await once(child, 'spawn')
      const key = { podUid: 'uid', name: 'main' }
      const record = { id: 'id', key }
      const container = { pid: child.pid, startedAtMs: 0, launch: { record } }
      const reader = new StatsReader(systemClock, undefined)
      const [first] = await reader.read([container as unknown as ContainerProcess])
      assert.ok((first?.stats.cpu?.usageCoreNanoSeconds ?? 0) > 0)
    } finally {
      child.kill('SIGKILL')
    }
  },
)
