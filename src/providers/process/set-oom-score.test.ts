// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setOomScore } from './set-oom-score.ts'

const skip = process.platform !== 'linux' && 'only Linux has it'

test(
  'children that are started before their parent has the score get it too',
  { skip },
  async () => {
    const children = ['parent', 'child', 'late'].map(() => spawn('sleep', ['1000']))
    try {
      await Promise.all(children.map((each) => once(each, 'spawn')))
      const [parent = 0, child = 0, late = 0] = children.map(({ pid = 0 }) => pid)
      // The last one is started between two looks.
      const looks = [[parent, child]]
      setOomScore(parent, () => looks.shift() ?? [parent, child, late], 1000)
      const scoreOf = (pid: number) => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()
      assert.deepEqual([parent, child, late].map(scoreOf), ['1000', '1000', '1000'])
    } finally {
      for (const each of children) each.kill('SIGKILL')
    }
  },
)
