// SPDX-License-Identifier: Apache-2.0
// A second reporter of node's test runner, for a summary of many runs: what failed, in a few lines each,
// and at the end how many passed, failed and were skipped. Written to a file of the folder that
// VK_TEST_REPORTS names.
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect, stripVTControlCharacters } from 'node:util'

/** Names the folder; without it there is no second reporter. */
const folderVariable = 'VK_TEST_REPORTS'
/** What a summary shows of one error. */
const shownLines = 12
const shownColumns = 300

/** Flags for node that add this reporter to `first`, if this run is to be summed up. */
export function reporterFlags(first: 'spec' | 'tap'): readonly string[] {
  const folder = process.env[folderVariable]
  if (folder === undefined) return []
  mkdirSync(folder, { recursive: true })
  return [
    `--test-reporter=${first}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${import.meta.filename}`,
    `--test-reporter-destination=${join(folder, `${randomUUID()}.txt`)}`,
  ]
}

async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const open: string[] = []
  for await (const { type, data } of events) {
    if (type === 'test:start') open.splice(data.nesting, Infinity, data.name)
    else if (type === 'test:fail') {
      const { error } = data.details
      // Of what is around it, too, this says no more than that something in it failed.
      if ('failureType' in error && error.failureType === 'subtestsFailed') continue
      const names = [...open.slice(0, data.nesting), data.name]
      const place = data.file && `${relative(process.cwd(), data.file)}:${data.line ?? 1}`
      yield `${[`✖ ${names.join(' › ')}`, place ?? '', ...linesOf(error)].join('\n    ')}\n`
    } else if (type === 'test:summary' && data.file === undefined) {
      const { tests, passed, skipped, todo } = data.counts
      yield `counts ${passed} ${tests - passed - skipped - todo} ${skipped}\n`
    }
  }
}

function linesOf(error: Error): readonly string[] {
  const cause = error.cause ?? error
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause)
  return stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^ +at .*\(?node:/.test(line))
    .slice(0, shownLines)
    .map((line) => line.slice(0, shownColumns))
}

// oxlint-disable-next-line import/no-default-export -- where node's runner looks for a reporter
export default failures
