// SPDX-License-Identifier: Apache-2.0
// kill -9, again and again, of a control plane that is being written to: what it has acknowledged is
// there in the next life, and whoever watches misses nothing and sees nothing twice.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ControlPlaneLife } from './support/control-plane-life.ts'
import type { WatchedEvent } from './support/control-plane-life.ts'
import { seededRandom } from './support/seeded-random.ts'
import { temporaryFolder } from './support/store-objects.ts'
import { tries } from './support/test-size.ts'

const writes = tries(1000, 160)
const lives = tries(4, 2)
const writers = 8
const namesOfWriter = 6
const base = '/api/v1/namespaces/default'
const kinds = ['configmaps', 'pods'] as const
type Kind = (typeof kinds)[number]

interface StoredObject {
  readonly metadata: WatchedEvent['object']['metadata']
}

interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** Which write of this object it was; a deletion has that of the state that it removed. */
  readonly count: number
}

/** What is known of one object. */
interface Known {
  readonly kind: Kind
  readonly name: string
  count: number
  /** As the last acknowledged answer, or the last list after a crash, had it. */
  object: StoredObject | undefined
  /** Sent and never answered. */
  pending: Change | undefined
  /** All changes that have happened. */
  readonly changes: Change[]
}

interface Watcher {
  readonly kind: Kind
  version: string
  readonly events: WatchedEvent[]
}

class Model {
  readonly known: readonly Known[]
  readonly watchers: readonly Watcher[]
  readonly random: (limit: number) => number
  acknowledged = 0
  newestVersion = 0

  constructor(random: (limit: number) => number, version: string) {
    this.random = random
    this.watchers = kinds.map((kind) => ({ kind, version, events: [] }))
    this.known = Array.from({ length: writers * namesOfWriter }, (_, index) => ({
      kind: kinds[index % kinds.length] ?? 'pods',
      name: `object-${index}`,
      count: 0,
      object: undefined,
      pending: undefined,
      changes: [],
    }))
  }

  /** Writes one object after another until the life ends, or there were enough. */
  async write(life: ControlPlaneLife, writer: number, killAt: number): Promise<void> {
    while (this.acknowledged < killAt) {
      const one = this.known[writer * namesOfWriter + this.random(namesOfWriter)]
      assert.ok(one)
      const change = this.#next(one)
      one.pending = change
      let answer
      try {
        answer = await send(life, one, change)
      } catch {
        return
      }
      assert.ok(answer.status < 300, JSON.stringify(answer.json))
      one.pending = undefined
      one.changes.push(change)
      one.object = change.type === 'DELETED' ? undefined : (answer.json as unknown as StoredObject)
      if (one.object) this.#note(one.object.metadata.resourceVersion)
      this.acknowledged += 1
      if (this.acknowledged === killAt) life.kill()
    }
  }

  /** After a crash: all that was acknowledged is there; what was under way is there or is not. */
  async check(life: ControlPlaneLife): Promise<void> {
    for (const kind of kinds) {
      const { json } = await life.send('GET', `${base}/${kind}`)
      const { metadata, items } = json as unknown as {
        metadata: { resourceVersion: string }
        items: readonly StoredObject[]
      }
      assert.ok(Number(metadata.resourceVersion) >= this.newestVersion)
      const found = new Map(items.map((item) => [item.metadata.name, item]))
      for (const one of this.known) if (one.kind === kind) this.#settle(one, found.get(one.name))
      this.#note(metadata.resourceVersion)
    }
  }

  #settle(one: Known, found: StoredObject | undefined): void {
    const { pending, object } = one
    one.pending = undefined
    const isPendingDone =
      pending !== undefined &&
      (pending.type === 'DELETED' ? found === undefined : countOf(found) === pending.count)
    if (!isPendingDone) {
      assert.deepEqual(withoutKind(found), withoutKind(object), `${one.kind} ${one.name}`)
      return
    }
    const isNewer = found === undefined || versionOf(found) > versionOf(object)
    assert.ok(isNewer, `${one.name} went back`)
    one.object = found
    one.changes.push(pending)
  }

  #next(one: Known): Change {
    if (one.object && this.random(4) === 0) {
      return { type: 'DELETED', count: countOf(one.object) }
    }
    one.count += 1
    return { type: one.object ? 'MODIFIED' : 'ADDED', count: one.count }
  }

  #note(version: string): void {
    this.newestVersion = Math.max(this.newestVersion, Number(version))
  }
}

async function send(life: ControlPlaneLife, { kind, name }: Known, { type, count }: Change) {
  const path = `${base}/${kind}`
  const annotations = { count: `${count}`, text: 'x'.repeat((count * 997) % 5000) }
  switch (type) {
    case 'ADDED': {
      const spec = { containers: [{ name: 'main', image: 'app:1' }] }
      const content = kind === 'pods' ? { spec } : { data: { name } }
      return await life.send('POST', path, { metadata: { name, annotations }, ...content })
    }
    case 'MODIFIED':
      return await life.send('PATCH', `${path}/${name}`, { metadata: { annotations } })
    case 'DELETED':
      return await life.send('DELETE', `${path}/${name}?gracePeriodSeconds=0`)
    default:
      return type satisfies never
  }
}

/** Items of lists have no kind of their own upstream; the rest is the same everywhere. */
function withoutKind(object: StoredObject | undefined): object | undefined {
  return object && { ...object, kind: undefined, apiVersion: undefined }
}

function countOf(object: StoredObject | undefined): number {
  return Number(object?.metadata.annotations?.['count'] ?? Number.NaN)
}

function versionOf(object: StoredObject | undefined): number {
  return Number(object?.metadata.resourceVersion ?? 0)
}

/** Resumes where it was, and goes on until the life ends or `last` was seen. */
async function watch(life: ControlPlaneLife, watcher: Watcher, last?: string): Promise<void> {
  for await (const event of life.watch(`${base}/${watcher.kind}`, watcher.version)) {
    assert.notEqual(event.type, 'ERROR', JSON.stringify(event))
    watcher.events.push(event)
    watcher.version = event.object.metadata.resourceVersion
    if (event.object.metadata.name === last) return
  }
}

test('hundreds of writes through crashes: none is lost, and watchers see each exactly once', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.diagnostic(`seed ${seed}`)
  await using folder = await temporaryFolder()
  const begin = async () =>
    await ControlPlaneLife.begin(join(folder.path, 'data'), join(folder.path, 'cache'))
  let model: Model | undefined
  for (let number = 0; number < lives; number += 1) {
    await using life = await begin()
    model ??= await newModel(life, seed)
    await model.check(life)
    const share = writes / lives
    const killAt = Math.max(share * number + 1 + model.random(share), model.acknowledged + 1)
    await runLife(life, model, number === lives - 1 ? writes : killAt)
  }
  await using life = await begin()
  assert.ok(model)
  await model.check(life)
  assert.ok(model.acknowledged >= writes)
  await catchUp(life, model)
  for (const watcher of model.watchers) checkEvents(watcher, model.known)
})

async function newModel(life: ControlPlaneLife, seed: number): Promise<Model> {
  const { json } = await life.send('POST', `${base}/serviceaccounts`, {
    metadata: { name: 'default' },
  })
  const { resourceVersion } = (json as unknown as StoredObject).metadata
  return new Model(seededRandom(seed), resourceVersion)
}

async function runLife(life: ControlPlaneLife, model: Model, killAt: number): Promise<void> {
  const watching = model.watchers.map(async (watcher) => await watch(life, watcher))
  const writing = Array.from({ length: writers }, async (_, writer) => {
    await model.write(life, writer, killAt)
  })
  await Promise.all([...writing, ...watching])
}

/** One more object of each kind, after which nothing comes. */
async function catchUp(life: ControlPlaneLife, model: Model): Promise<void> {
  await Promise.all(
    model.watchers.map(async (watcher) => {
      const last: Known = {
        kind: watcher.kind,
        name: 'last',
        count: 0,
        object: undefined,
        pending: undefined,
        changes: [],
      }
      await send(life, last, { type: 'ADDED', count: 0 })
      await watch(life, watcher, 'last')
    }),
  )
}

function checkEvents({ kind, events }: Watcher, known: readonly Known[]): void {
  const versions = events.map(({ object }) => versionOf(object))
  const isAscending = versions.every(
    (one, index) => index === 0 || one > (versions[index - 1] ?? 0),
  )
  assert.ok(isAscending, `${kind} out of order: ${versions.join(' ')}`)
  for (const { name, changes } of known.filter((one) => one.kind === kind)) {
    const seen = events
      .filter(({ object }) => object.metadata.name === name)
      .map(({ type, object }) => ({ type, count: countOf(object) }))
    assert.deepEqual(seen, changes, `${kind} ${name}`)
  }
}
