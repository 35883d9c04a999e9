// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseLogOptions } from './log-options.ts'

const plain = { follow: false, previous: false, timestamps: false }
const undecodable = 'Unable to decode query.'
const invalid = 'Invalid request.'

const accepted: readonly (readonly [string, object])[] = [
  ['', plain],
  ['follow=true&previous=1&timestamps=TRUE', { follow: true, previous: true, timestamps: true }],
  ['follow=&previous=no&timestamps=x', { follow: true, previous: true, timestamps: true }],
  ['follow=0&previous=false&timestamps=FALSE', plain],
  ['follow=0&follow=1', plain],
  ['tailLines=0', { ...plain, tailLines: 0 }],
  ['tailLines=%2B7', { ...plain, tailLines: 7 }],
  ['tail=3&tailLines=9', { ...plain, tailLines: 3 }],
  ['tail=all&tailLines=9', plain],
  ['tail=&tailLines=9', { ...plain, tailLines: 9 }],
  ['limitBytes=1', { ...plain, limitBytes: 1 }],
  ['sinceSeconds=1', { ...plain, since: { seconds: 1 } }],
  [
    'sinceTime=2026-01-02T03:04:05Z',
    { ...plain, since: { timeMs: Date.UTC(2026, 0, 2, 3, 4, 5) } },
  ],
  [
    'sinceTime=2026-01-02T03:04:05.25%2B05:30',
    { ...plain, since: { timeMs: Date.UTC(2026, 0, 1, 21, 34, 5, 250) } },
  ],
  ['sinceTime=', { ...plain, since: { timeMs: Number.NEGATIVE_INFINITY } }],
  ['sinceTime=null', { ...plain, since: { timeMs: Number.NEGATIVE_INFINITY } }],
  ['stream=All&tailLines=1', { ...plain, tailLines: 1 }],
  ['insecureSkipTLSVerifyBackend=true&unknown=1', plain],
]

for (const [query, options] of accepted) {
  test(`"${query}" is read as ${JSON.stringify(options)}`, () => {
    assert.deepEqual(parseLogOptions(new URLSearchParams(query)), { isValid: true, options })
  })
}

const refused: readonly (readonly [string, number])[] = [
  ['tailLines=', 400],
  ['tailLines=ten', 400],
  ['tailLines=1.5', 400],
  ['tailLines=9223372036854775808', 400],
  ['tailLines=0x10', 400],
  ['limitBytes= 1', 400],
  ['sinceSeconds=1e3', 400],
  ['sinceTime=yesterday', 400],
  ['sinceTime=2026-02-30T00:00:00Z', 400],
  ['sinceTime=2026-01-01T24:00:00Z', 400],
  ['sinceTime=2026-01-01T00:00:60Z', 400],
  ['sinceTime=2026-01-01T00:00:00', 400],
  ['sinceTime=2026-01-01t00:00:00z', 400],
  ['sinceTime=2026-01-01', 400],
  ['stream=Stdout', 400],
  ['tailLines=-1', 422],
  ['tail=-1', 422],
  ['limitBytes=0', 422],
  ['limitBytes=-5', 422],
  ['sinceSeconds=0', 422],
  ['sinceSeconds=-1', 422],
  ['sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z', 422],
  ['sinceSeconds=1&sinceTime=', 422],
]

for (const [query, status] of refused) {
  test(`"${query}" is refused with ${status}`, () => {
    const message = status === 400 ? undecodable : invalid
    const answer = { status, text: `{"message": "${message}"}` }
    assert.deepEqual(parseLogOptions(new URLSearchParams(query)), { isValid: false, answer })
  })
}

test('one of the two streams can be chosen where that feature is on', () => {
  const parse = (query: string) =>
    parseLogOptions(new URLSearchParams(query), { allowStream: true })
  assert.deepEqual(parse('stream=Stderr'), {
    isValid: true,
    options: { ...plain, stream: 'stderr' },
  })
  const answer = { status: 422, text: '{"message": "Invalid request."}' }
  for (const query of [
    'stream=stdout',
    'stream=',
    'stream=toString',
    'stream=Stdout&tailLines=1',
  ]) {
    assert.deepEqual(parse(query), { isValid: false, answer }, query)
  }
})

test('any query is either read or refused with 400 or 422', () => {
  const name = fc.constantFrom('follow', 'tail', 'tailLines', 'limitBytes', 'sinceSeconds')
  const names = fc.oneof(name, fc.constantFrom('sinceTime', 'stream', 'previous'), fc.string())
  const value = fc.oneof(
    fc.string(),
    fc.bigInt().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.constantFrom('all', 'null', 'true', '', '-0', '+'),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(names, value)), fc.boolean(), (pairs, allowStream) => {
      const result = parseLogOptions(new URLSearchParams(pairs), { allowStream })
      if (!result.isValid) return [400, 422].includes(result.answer.status)
      const { limitBytes = 1, since, tailLines = 0 } = result.options
      assert.ok(tailLines >= 0 && limitBytes >= 1)
      return since === undefined || !('seconds' in since) || since.seconds >= 1
    }),
    { seed: 1, numRuns: 2000 },
  )
})
