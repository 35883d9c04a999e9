// SPDX-License-Identifier: Apache-2.0
// A process that writes to a durable store until it is killed. Each line on standard output is one
// thing that somebody was told: `ack` when a writer's wait ended, `told` when a listener heard.
// Lines are written synchronously, so that what was told is on its way before anything else happens.
//   node store-writer.ts FILE SEED
import { writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { openSqliteStore } from '../../src/control-plane/storage/sqlite-store.ts'
import type { Stored } from '../../src/control-plane/storage/store.ts'
import { seededRandom } from './seeded-random.ts'
import { keyOf, objectFor } from './store-objects.ts'

const [path = '', seed = '1'] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const store = await openSqliteStore({ path })

function say(what: 'ack' | 'told', stored: Stored): void {
  const { text } = stored.object['data'] as { readonly text: string }
  const line = [what, stored.revision, stored.object.metadata.name, text.length]
  writeLine(`${line.join(' ')}\n`)
}

/** A pipe whose reader is held up takes nothing for a while: waits as a blocking write would. */
function writeLine(line: string): void {
  for (;;) {
    try {
      writeSync(1, line)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

store.onChange('*', ({ current, removed }) => {
  const stored = current ?? removed
  if (stored !== undefined) say('told', stored)
})

async function write(): Promise<void> {
  for (;;) {
    const key = keyOf(`object-${random(20)}`, `namespace-${random(3)}`)
    const text = 'x'.repeat(random(4) === 0 ? random(30_000) : random(300))
    const isRemoval = random(4) === 0 && store.get(key) !== undefined
    const stored = isRemoval
      ? store.remove(key, objectFor(key, text))
      : store.put(key, objectFor(key, text))
    await store.durable(stored?.revision)
    if (stored !== undefined) say('ack', stored)
    await turn()
  }
}

await Promise.all(Array.from({ length: 1 + random(6) }, write))
