// SPDX-License-Identifier: Apache-2.0
// kill -9, again and again, of a process that writes: whatever anybody was told is there afterwards.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import { temporaryFolder } from '../../../test/support/store-objects.ts'
import { tries } from '../../../test/support/test-size.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { StoreChange } from './store.ts'

const writer = fileURLToPath(new URL('../../../test/support/store-writer.ts', import.meta.url))
const lives = tries(8, 3)
const writes = lives * 125

interface Told {
  readonly what: string
  readonly revision: number
  readonly name: string
  readonly length: number
}

/** Lets a process write until it has acknowledged `count` writes, kills it, returns what it said. */
async function liveAndDie(path: string, count: number, seed: number): Promise<Told[]> {
  const child = spawn(process.execPath, [writer, path, `${seed}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const told: Told[] = []
  let acknowledged = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [what = '', revision, name = '', length] = line.split(' ')
    told.push({ what, revision: Number(revision), name, length: Number(length) })
    if (what === 'ack' && ++acknowledged === count) child.kill('SIGKILL')
  }
  assert.ok(acknowledged >= count, 'it ended by itself')
  return told
}

function saidOf({ key, revision, current, removed }: StoreChange): Omit<Told, 'what'> {
  const state = current ?? removed
  assert.ok(state)
  const { text } = state.object['data'] as { readonly text: string }
  return { revision, name: key.name, length: text.length }
}

test('loses nothing that it has acknowledged or told when it is killed', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  const told: Told[] = []
  for (let life = 0; life < lives; life++) {
    const count = 1 + random((2 * writes) / lives)
    told.push(...(await liveAndDie(path, count, seed + life)))
    await using store = await openSqliteStore({ path })
    const changes = store.changesSince('pods', 1) ?? []
    const revisions = changes.map(({ revision }) => revision)
    assert.deepEqual(
      revisions,
      Array.from(revisions.keys(), (index) => index + 2),
    )
    const byRevision = new Map(changes.map((change) => [change.revision, saidOf(change)]))
    for (const { what, ...said } of told) {
      assert.deepEqual(byRevision.get(said.revision), said, `${what}, seed ${seed}, life ${life}`)
    }
    const objects = new Map<string, number>()
    for (const { key, revision, current } of changes) {
      objects.delete(`${key.namespace}/${key.name}`)
      if (current !== undefined) objects.set(`${key.namespace}/${key.name}`, revision)
    }
    const { items } = store.list('pods')
    assert.deepEqual(
      items.map(({ revision }) => revision).sort((a, b) => a - b),
      [...objects.values()],
    )
  }
})
