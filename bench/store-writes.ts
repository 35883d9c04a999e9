// SPDX-License-Identifier: Apache-2.0
//
// How many pods a second storage takes, and what one costs in memory: in memory and durable, one writer
// after another and 50 at once. Beside it the bare disk: appending 3 KB and fdatasync, which no durable
// store of single writes can beat.
//   node --expose-gc bench/store-writes.ts [FOLDER]      default: the folder for temporary files
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { createMemoryStore } from '../src/control-plane/storage/memory-store.ts'
import { openSqliteStore } from '../src/control-plane/storage/sqlite-store.ts'
import type { Store } from '../src/control-plane/storage/store.ts'
import { benchPod } from './store-pod.ts'

interface Row {
  readonly what: string
  readonly perSecond: number
  /** Share of the time that the event loop was busy. */
  readonly busy: number
}

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'store-writes-'))
try {
  const rows = [
    bareDisk(),
    await withMemory('memory, 1 writer', 1, 50_000),
    await withMemory('memory, 50 writers', 50, 50_000),
    await withSqlite('sqlite, 1 writer', 1, 4000),
    await withSqlite('sqlite, 50 writers', 50, 40_000),
  ]
  const cpu = cpus()[0]?.model ?? 'unknown processor'
  console.log(`node ${process.version}, ${availableParallelism()} cores, ${cpu}, ${release()}`)
  console.log(`pod of ${JSON.stringify(benchPod(0)).length} bytes, files in ${folder}`)
  console.log('writes'.padEnd(24), 'per second'.padStart(10), 'event loop'.padStart(10))
  for (const { what, perSecond, busy } of rows) {
    const share = `${(busy * 100).toFixed(0)}%`
    console.log(what.padEnd(24), perSecond.toFixed(0).padStart(10), share.padStart(10))
  }
  await printLists()
  await printMemory('memory', createMemoryStore())
  await printMemory('sqlite', await openSqliteStore({ path: join(folder, 'memory.db') }))
} finally {
  rmSync(folder, { recursive: true })
}

function bareDisk(): Row {
  const file = openSync(join(folder, 'bare'), 'w')
  const bytes = Buffer.alloc(3000, 'a')
  const count = 1000
  const startMs = performance.now()
  for (let i = 0; i < count; i++) {
    writeSync(file, bytes)
    fdatasyncSync(file)
  }
  const perSecond = (count / (performance.now() - startMs)) * 1000
  closeSync(file)
  return { what: 'append + fdatasync', perSecond, busy: 1 }
}

async function withMemory(what: string, writers: number, count: number): Promise<Row> {
  await using store = createMemoryStore()
  return await measure(store, { what, writers, count })
}

async function withSqlite(what: string, writers: number, count: number): Promise<Row> {
  await using store = await openSqliteStore({ path: join(folder, `${writers}.db`) })
  return await measure(store, { what, writers, count })
}

/** Each writer puts a pod, one of 1,000 names, and waits until it is durable. */
async function measure(
  store: Store,
  {
    what,
    writers,
    count,
  }: { readonly what: string; readonly writers: number; readonly count: number },
): Promise<Row> {
  let left = count
  const write = async (): Promise<void> => {
    while (left-- > 0) {
      put(store, left % 1000)
      await store.durable()
    }
  }
  // The loop's share is known only of turns that have ended.
  await turn()
  const before = performance.eventLoopUtilization()
  const startMs = performance.now()
  await Promise.all(Array.from({ length: writers }, write))
  const perSecond = (count / (performance.now() - startMs)) * 1000
  await turn()
  return { what, perSecond, busy: performance.eventLoopUtilization(before).utilization }
}

async function printLists(): Promise<void> {
  await using store = createMemoryStore()
  const count = 10_000
  let startMs = performance.now()
  for (let i = 0; i < count; i++) put(store, i)
  const createdMs = performance.now() - startMs
  startMs = performance.now()
  const rounds = 200
  for (let i = 0; i < rounds; i++) {
    put(store, i)
    store.list('pods')
  }
  const listedMs = (performance.now() - startMs - (createdMs / count) * rounds) / rounds
  console.log(`list of ${count} pods after a write: ${listedMs.toFixed(3)} ms`)
}

async function printMemory(what: string, store: Store): Promise<void> {
  await using _ = store
  const count = 10_000
  const before = usedBytes()
  for (let i = 0; i < count; i++) store.put(...parsed(i))
  await store.durable()
  await new Promise((resolve) => setTimeout(resolve, 100))
  const perPod = (usedBytes() - before) / count
  console.log(`memory of a stored pod, ${what}: ${(perPod / 1024).toFixed(1)} KiB`)
}

function usedBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function put(store: Store, index: number): void {
  store.put(...parsed(index))
}

/** As it comes from a request: parsed, so that no two pods share strings. */
function parsed(index: number): Parameters<Store['put']> {
  const text = JSON.stringify(benchPod(index))
  const pod = JSON.parse(text) as ReturnType<typeof benchPod>
  return [{ resource: 'pods', namespace: 'default', name: pod.metadata.name }, pod]
}
