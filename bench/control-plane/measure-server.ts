// SPDX-License-Identifier: Apache-2.0
//
// All figures of one API server, taken one after another with nothing else asking it.
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchClient } from './bench-client.ts'
import { podBody, statusPatch } from './bench-pod.ts'
import { serverCpuMs, serverMib } from './bench-server.ts'
import type { BenchServer } from './bench-server.ts'

/** Rates per second; CPU in ms for one operation, in all the server's processes. */
export interface ServerFigures {
  readonly createsPerSecond: number
  readonly createServerCpuMs: number
  readonly createClientCpuMs: number
  readonly patchesPerSecond: number
  readonly patchServerCpuMs: number
  readonly patchClientCpuMs: number
  readonly eventsPerSecond: number
  /** For one event at one watcher. */
  readonly eventServerCpuMs: number
  readonly eventClientCpuMs: number
  readonly listMs: number
  readonly listMibPerSecond: number
  readonly listServerCpuMs: number
  readonly residentMib: number
}

export interface ServerLoad {
  /** Created, and then listed. */
  readonly pods: number
  readonly patches: number
  readonly watchers: number
  /** Changes that each watcher sees. */
  readonly changes: number
  readonly lists: number
  readonly userAgent: string
}

const warmUp = 500
const podsPath = '/api/v1/namespaces/default/pods'

export async function measureServer(server: BenchServer, load: ServerLoad): Promise<ServerFigures> {
  await using client = new BenchClient(server.access, load.userAgent)
  const status = async (index: number, count: number): Promise<void> => {
    await client.send('PATCH', `${podsPath}/pod-${index}/status`, statusPatch(index, count))
  }
  const create = async (index: number): Promise<void> => {
    await client.send('POST', podsPath, podBody(`pod-${index}`))
  }
  await client.forEach(warmUp, async (index) => {
    await create(load.pods + index)
    await status(load.pods + index, 0)
    await client.send('DELETE', `${podsPath}/pod-${load.pods + index}?gracePeriodSeconds=0`)
  })
  await settle()
  const creates = await timed(server, load.pods, () => client.forEach(load.pods, create))
  const patches = await timed(server, load.patches, () =>
    client.forEach(load.patches, (index) => status(index, 1)),
  )
  const fanOut = await fanOutOf(server, client, { load, status })
  const lists = await listsOf(server, client, load)
  await settle()
  return {
    createsPerSecond: creates.perSecond,
    createServerCpuMs: creates.serverCpuMs,
    createClientCpuMs: creates.clientCpuMs,
    patchesPerSecond: patches.perSecond,
    patchServerCpuMs: patches.serverCpuMs,
    patchClientCpuMs: patches.clientCpuMs,
    eventsPerSecond: fanOut.perSecond,
    eventServerCpuMs: fanOut.serverCpuMs,
    eventClientCpuMs: fanOut.clientCpuMs,
    ...lists,
    residentMib: serverMib(server),
  }
}

interface Timed {
  readonly perSecond: number
  readonly serverCpuMs: number
  readonly clientCpuMs: number
}

async function timed(
  server: BenchServer,
  operations: number,
  run: () => Promise<void>,
): Promise<Timed> {
  const cpu = serverCpuMs(server)
  const own = process.cpuUsage()
  const startMs = performance.now()
  await run()
  const ms = performance.now() - startMs
  const { user, system } = process.cpuUsage(own)
  return {
    perSecond: (operations * 1000) / ms,
    serverCpuMs: (serverCpuMs(server) - cpu) / operations,
    clientCpuMs: (user + system) / 1000 / operations,
  }
}

interface FanOut {
  readonly load: ServerLoad
  readonly status: (index: number, count: number) => Promise<void>
}

/** Changes pods as fast as it can while all watch; over when the last watcher has the last change. */
async function fanOutOf(
  server: BenchServer,
  client: BenchClient,
  { load, status }: FanOut,
): Promise<Timed> {
  const { watchers, changes } = load
  const ending = new AbortController()
  const { metadata } = await client.json<{ metadata: { resourceVersion: string } }>(
    `${podsPath}?limit=1`,
  )
  const all = Promise.withResolvers<void>()
  // Watches also end because something else has failed, which is what is told then.
  all.promise.catch(() => {})
  let left = watchers * changes
  const onEvent = (): void => {
    left -= 1
    if (left === 0) all.resolve()
  }
  const path = `${podsPath}?watch=1&resourceVersion=${metadata.resourceVersion}`
  for (let watcher = 0; watcher < watchers; watcher += 1) {
    await client.watch(path, { onEvent, onError: all.reject, signal: ending.signal })
  }
  await settle()
  const result = await timed(server, watchers * changes, async () => {
    await client.forEach(changes, (index) => status(index, 2))
    await all.promise
  })
  ending.abort()
  return result
}

type Lists = Pick<ServerFigures, 'listMs' | 'listMibPerSecond' | 'listServerCpuMs'>

async function listsOf(
  server: BenchServer,
  client: BenchClient,
  { lists, pods }: ServerLoad,
): Promise<Lists> {
  const { items } = await client.json<{ items: readonly unknown[] }>(podsPath)
  if (items.length !== pods) throw new Error(`Expected ${pods} pods, found ${items.length}`)
  let bytes = 0
  const result = await timed(server, lists, async () => {
    for (let count = 0; count < lists; count += 1) bytes += await client.send('GET', podsPath)
  })
  const listMs = 1000 / result.perSecond
  return {
    listMs,
    listMibPerSecond: bytes / lists / 2 ** 20 / (listMs / 1000),
    listServerCpuMs: result.serverCpuMs,
  }
}

/** Lets what came before come to rest. */
async function settle(): Promise<void> {
  await sleep(500)
}
