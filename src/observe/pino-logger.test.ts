// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPinoLogger } from './pino-logger.ts'

function lines(): { readonly written: string[]; write(line: string): void } {
  const written: string[] = []
  return { written, write: (line) => void written.push(line) }
}

test('text lines read time, level, message and fields', () => {
  const out = lines()
  createPinoLogger({ level: 'info', format: 'text', destination: out })
    .child({ node: 'vk-1' })
    .info({ pod: 'default/web', why: 'it is new' }, 'Pod started')
  assert.match(
    out.written[0] ?? '',
    /^\d{4}-.*Z INFO {2}Pod started node=vk-1 pod=default\/web why="it is new"\n$/,
  )
})

test('levels below the chosen one are dropped', () => {
  const out = lines()
  const log = createPinoLogger({ level: 'warn', format: 'json', destination: out })
  log.info({}, 'no')
  log.warn({}, 'yes')
  assert.equal(out.written.length, 1)
})

test('fields named like secrets are blanked, also one level down', () => {
  const out = lines()
  const log = createPinoLogger({ level: 'info', format: 'json', destination: out })
  log.info({ token: 'hunter2', request: { authorization: 'Bearer hunter2' } }, 'asked')
  assert.doesNotMatch(out.written.join(''), /hunter2/)
})
