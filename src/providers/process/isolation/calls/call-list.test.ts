// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { openNamelessFile } from '../../nameless-file.ts'
import { parseStat } from '../../process-identity.ts'
import { ensureFile } from '../content-file.ts'
import { filterArchitecture } from '../seccomp/filter-store.ts'
import { CallList, textOffset, textStart } from './call-list.ts'
import { callerFile } from './caller-file.ts'

const architecture = filterArchitecture()

describe(
  'lists of system calls',
  { skip: architecture === undefined && 'not on this machine' },
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'vk-calls-'))
    after(() => rmSync(dir, { recursive: true }))

    const listOf = (): CallList => new CallList(architecture ?? 'x64')
    const run = (list: CallList, text = '') => {
      const path = ensureFile(dir, callerFile(architecture ?? 'x64'), 0o755)
      const descriptor = openNamelessFile(list.build(text))
      try {
        const stdio = [descriptor, 'pipe', 'pipe'] as const
        return spawnSync(path, [], {
          stdio: [...stdio],
          encoding: 'utf8',
          env: {},
          timeout: 10_000,
        })
      } finally {
        closeSync(descriptor)
      }
    }
    const say = (list: CallList, text: string): void => {
      list.add('write', [1, text, Buffer.byteLength(text)])
    }
    const end = (list: CallList, code: number): void => {
      list.add('exit_group', [code])
    }

    it('are made in their order, with texts, numbers and results as arguments', () => {
      const list = listOf()
      const pid = list.add('getpid', [])
      say(list, 'one ')
      say(list, 'two')
      // Nobody has a negative priority of 1000, so this is a process that is there.
      list.add('kill', [pid, 0])
      end(list, 7)
      const { status, stdout, stderr } = run(list)
      assert.deepEqual([status, stdout, stderr], [7, 'one two', ''])
    })

    it('end with what failed, and the number of its error', () => {
      const list = listOf()
      list.add('chdir', ['/none/of/it'], { complaint: 'cannot enter "/none"' })
      say(list, 'never')
      const { status, stdout, stderr } = run(list)
      assert.deepEqual([status, stdout, stderr], [125, '', 'cannot enter "/none": error 002\n'])
    })

    it('go on where they say, by the sign of a result', () => {
      const list = listOf()
      const [failed, child] = [list.label(), list.label()]
      list.add('chdir', ['/none'], { whenNegative: 'next' })
      list.add('chdir', ['/none'], { whenNegative: failed })
      end(list, 1)
      list.place(failed)
      list.add('getppid', [], { whenPositive: child })
      end(list, 2)
      list.place(child)
      end(list, 3)
      assert.equal(run(list).status, 3)
    })

    it('wait for a child and end as it has ended, burying others', () => {
      const outcome = (finish: (list: CallList) => void): number | null => {
        const list = listOf()
        const parent = list.label()
        const sigchld = 17
        // A first child ends before.
        const other = list.label()
        list.add('clone', [sigchld], { whenPositive: other })
        end(list, 9)
        list.place(other)
        const child = list.add('clone', [sigchld], { whenPositive: parent })
        finish(list)
        list.place(parent)
        list.wait(child)
        return run(list).status
      }
      assert.equal(
        outcome((list) => end(list, 42)),
        42,
      )
      const killed = (list: CallList) => list.add('kill', [list.add('getpid', []), 9])
      assert.equal(outcome(killed), 137)
    })

    it('tell a process from a later one by its start time', async () => {
      const stat = await readFile(`/proc/${process.pid}/stat`, 'utf8')
      const own = parseStat(stat)?.startTime ?? ''
      for (const [startTime, isSame] of [
        [own, true],
        [`${own}0`, false],
        [own.slice(0, -1), false],
        ['', false],
      ] as const) {
        const list = listOf()
        const buffer = Buffer.alloc(1024)
        const file = list.add('openat', [-100, `/proc/${process.pid}/stat`, 0])
        const length = list.add('read', [file, buffer, 1000])
        list.compareStart(buffer, { length, startTime, complaint: 'another one' })
        end(list, 0)
        const { status, stderr } = run(list)
        assert.equal(status, isSame ? 0 : 125)
        assert.equal(stderr, isSame ? '' : 'another one: error 003\n')
      }
    })

    it('hand on any words and variables', () => {
      const ascii = fc.string({ unit: 'binary-ascii' }).filter((text) => !text.includes('\0'))
      const word = fc.oneof(ascii, fc.constantFrom('ü€😀', '\u2028', '\ud800', ''))
      const saidBy = (argv: readonly [string, ...string[]], env: readonly string[]) => {
        const list = listOf()
        list.add('execve', [argv[0], { words: argv }, { words: env }])
        return run(list).stdout.split('\0').slice(0, -1)
      }
      fc.assert(
        fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
          const known = words.map((text) => text.toWellFormed())
          const script = String.raw`printf '%s\0' "$@"`
          assert.deepEqual(saidBy(['/bin/sh', '-c', script, 'sh', ...words], []), known)
          const variables = words.map((text, index) => `name.${index}=${text}`)
          const all = known.map((text, index) => `name.${index}=${text}`)
          assert.deepEqual(saidBy(['/usr/bin/env', '-0'], variables), all)
        }),
        { numRuns: 10 },
      )
    })

    it('are followed by a text that the next program reads', () => {
      const list = listOf()
      list.add('lseek', [0, textStart, 0])
      list.add('execve', ['/bin/sh', { words: ['sh', '-s'] }, { words: [] }])
      assert.equal(run(list, 'echo from the text\n').stdout, 'from the text\n')
      const file = list.build('text')
      assert.equal(file.toString('utf8', textOffset(file)), 'text')
      assert.equal(
        textOffset(Buffer.from('cd -- /; something else that is long enough')),
        undefined,
      )
    })

    it('are what they were when the program began, whatever is written to their file later', () => {
      const listFor = (offset: number): CallList => {
        const list = listOf()
        // On pages on which no result is written.
        list.add('write', [1, 'x'.repeat(65_536), 0])
        list.add('pwrite64', [0, 'lost', 4, offset])
        say(list, 'kept')
        list.add('write', [1, 'y'.repeat(65_536), 0])
        end(list, 0)
        return list
      }
      const offset = listFor(0).build('').indexOf('kept')
      assert.equal(run(listFor(offset)).stdout, 'kept')
    })

    it('refuse a word with a zero in it', () => {
      const list = listOf()
      list.add('chdir', ['/a\0b'])
      assert.throws(() => list.build(''), /holds a character that no word can/)
    })
  },
)
