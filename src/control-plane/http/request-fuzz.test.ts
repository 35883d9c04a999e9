// SPDX-License-Identifier: Apache-2.0
// Requests that nobody should send, thousands of them, the same for the same seed. Each gets an answer:
// what it asked for or a Status that says what is wrong with it, never a failure of the server.
import assert from 'node:assert/strict'
import { Agent, request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import type { EmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import { connectionFromKubeconfigText } from '../../../test/support/kubeconfig-connection.ts'
import { chanceFrom } from '../../../test/support/fuzz/chance.ts'
import type { Chance } from '../../../test/support/fuzz/chance.ts'
import { existingObjects, inDefault } from '../../../test/support/fuzz/existing-objects.ts'
import { badBody, mistypedObject, oddPatch } from '../../../test/support/fuzz/odd-bodies.ts'
import { oddHeaders, oddPath, oddQuery } from '../../../test/support/fuzz/odd-requests.ts'
import { collectionOf } from '../../../test/support/fuzz/wish.ts'
import type { Wish } from '../../../test/support/fuzz/wish.ts'
import { tries } from '../../../test/support/test-size.ts'
import { silentLogger } from '../../util/logger.ts'
import type { Logger } from '../../util/logger.ts'
import { resourceDefinitions } from '../resources/registry.ts'

const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const chance = chanceFrom(seed)
/** How many requests of each sort; more find more. */
const count = Number(process.env['FUZZ_COUNT'] ?? tries(250, 100))
const parallel = 20
/** Only for what would never be answered. */
const patienceMs = 60_000
const allowedMemoryGrowth = 64 * 2 ** 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const failures: string[] = []
const log: Logger = {
  ...silentLogger,
  error: (...parts: readonly unknown[]) => {
    failures.push(JSON.stringify(parts))
  },
}
let cluster: EmbeddedCluster
let agent: Agent

before(async () => {
  cluster = await startEmbeddedCluster({ log })
  const { ca, cert, key } = connectionFromKubeconfigText(cluster.controlPlane.adminKubeconfig)
  agent = new Agent({ ca, cert, key, keepAlive: true, maxSockets: parallel })
  for (const [path, body] of existingObjects) {
    const answer = await cluster.request(path, { method: 'POST', body })
    assert.equal(answer.status, 201, answer.text)
  }
})
after(async () => {
  agent.destroy()
  await cluster[Symbol.asyncDispose]()
})

test('bad requests get a Status, and the server goes on as before', async (t) => {
  t.diagnostic(`seed ${seed}`)
  await sendAll(count, badBody)
  const heapBefore = heapUsed()
  const problems = [
    ...(await sendAll(count, mistypedObject)),
    ...(await sendAll(count, badBody)),
    ...(await sendAll(count, oddPatch)),
    ...(await sendAll(count, oddPath)),
    ...(await sendAll(count, oddQuery)),
    ...(await sendAll(count, oddHeaders)),
    // What was accepted can be shown.
    ...(await sendEach(everyTable())),
  ]
  const told = [...new Set([...problems, ...failures])].slice(0, 5).join('\n')
  assert.equal(problems.length + failures.length, 0, `seed ${seed}\n${told}`)
  const grown = heapUsed() - heapBefore
  assert.ok(grown < allowedMemoryGrowth, `memory grew by ${grown} bytes, seed ${seed}`)
  const last = await cluster.request(`${inDefault}/pods/one`)
  assert.equal(last.status, 200)
})

async function sendEach(wishes: readonly Wish[]): Promise<readonly string[]> {
  const left = wishes.values()
  return await sendAll(wishes.length, () => left.next().value as Wish)
}

function everyTable(): readonly Wish[] {
  return resourceDefinitions
    .filter(({ verbs, group }) => verbs.includes('list') && group !== 'metrics.k8s.io')
    .map((resource) => ({ method: 'GET', path: collectionOf(resource), headers: asTable }))
}

const asTable = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }

/** Returns what was wrong with answers. */
async function sendAll(
  many: number,
  makeWish: (chance: Chance) => Wish,
): Promise<readonly string[]> {
  const problems: string[] = []
  let left = many
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const one = makeWish(chance)
      const problem = await problemWith(one)
      if (problem !== undefined) problems.push(`${problem}: ${described(one)}`)
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return problems
}

async function problemWith(wish: Wish): Promise<string | undefined> {
  const { status, text } = await send(wish)
  if (status < 400) return undefined
  const body = parsed(text) as {
    kind?: unknown
    code?: unknown
    reason?: unknown
    message?: unknown
  }
  // Upstream answers so, too: to a version of the future, and to some senseless patches, without a reason.
  const isHead = wish.method === 'HEAD'
  const isFuture =
    status === 504 && (isHead || String(body?.message).includes('Too large resource version'))
  const isPatchFailure = status === 500 && wish.method === 'PATCH' && body?.reason === undefined
  const isHonest = isFuture || isPatchFailure
  if (status >= 500 && !isHonest) return `status ${status} ${text}`
  if (isHead) return undefined
  const isStatus = body?.kind === 'Status' && body.code === status && body.message !== undefined
  return isStatus ? undefined : `${status} without a Status: ${text.slice(0, 300)}`
}

async function send({ method, path, headers, body }: Wish) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const { hostname, port } = new URL(cluster.controlPlane.server)
  const outgoing = httpsRequest({
    host: hostname,
    port,
    path,
    method,
    agent,
    headers: {
      'content-type': 'application/json',
      ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
      ...headers,
    },
  })
  outgoing.on('error', reject)
  outgoing.setTimeout(patienceMs, () => outgoing.destroy(new Error('no answer')))
  outgoing.on('response', (response) => {
    const { statusCode: status = 0 } = response
    if (status === 200 && path.includes('watch')) {
      // It would stay open.
      response.destroy()
      outgoing.on('error', () => {})
      resolve({ status, text: '' })
      return
    }
    buffer(response).then((bytes) => resolve({ status, text: bytes.toString() }), reject)
  })
  outgoing.end(body)
  return await promise.catch((error: unknown) => ({ status: 599, text: String(error) }))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function described({ method, path, headers, body = '' }: Wish): string {
  const shown = `${method} ${path.slice(0, 300)} ${JSON.stringify(headers ?? {}).slice(0, 300)}`
  return `${shown} ${body.toString().slice(0, 1500)}`
}

function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
