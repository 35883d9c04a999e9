// SPDX-License-Identifier: Apache-2.0
// Exec and attach over SPDY, as a client meets them: real TLS, real frames, a process that the test plays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeProcess } from '../../../test/support/fake-process.ts'
import { startKubelet } from '../../../test/support/kubelet-fixture.ts'
import type { KubeletFixture } from '../../../test/support/kubelet-fixture.ts'
import { podWith, stubNode } from '../../../test/support/kubelet-stubs.ts'
import type { ClientStream, SpdyClient } from '../../../test/support/spdy-client.ts'
import { openSpdy, upgradeToSpdy } from '../../../test/support/stream-client.ts'
import type { ExecOptions } from '../../provider/streams.ts'
import { VkError } from '../../util/vk-error.ts'
import type { StreamLimits } from './stream-options.ts'

const v4 = 'v4.channel.k8s.io'
const running = { running: { startedAt: '2026-01-01T00:00:00Z' } }

interface World extends AsyncDisposable {
  readonly kubelet: KubeletFixture
  readonly execs: { readonly options: ExecOptions; readonly process: FakeProcess }[]
  readonly attached: FakeProcess[]
  path(kind: string, query: string): string
}

async function start(
  options: {
    readonly run?: (process: FakeProcess) => void
    readonly tty?: boolean
    readonly failure?: Error
    readonly streamLimits?: Partial<StreamLimits>
  } = {},
): Promise<World> {
  const { failure, run, streamLimits, tty = false } = options
  const execs: World['execs'] = []
  const attached: FakeProcess[] = []
  const [pod, ended] = [podWith('web', [{ state: running }]), podWith('ended', [{}])]
  const spec = { containers: [{ name: 'c0', tty }] }
  const node = stubNode([{ ...pod, spec }, ended], {
    async exec(_ref, _container, choice, { signal }) {
      if (failure) throw failure
      const process = new FakeProcess(choice, signal)
      execs.push({ options: choice, process })
      run?.(process)
      return process
    },
    async attach(_ref, _container, choice, { signal }) {
      const process = new FakeProcess(choice, signal)
      attached.push(process)
      run?.(process)
      return process
    },
  })
  const kubelet = await startKubelet({ node, server: { ...(streamLimits && { streamLimits }) } })
  return {
    kubelet,
    execs,
    attached,
    path: (kind, query) => `/${kind}/default/web/c0?${query}`,
    [Symbol.asyncDispose]: () => kubelet[Symbol.asyncDispose](),
  }
}

type Streams = Readonly<Record<string, ClientStream>>

async function connect(
  world: World,
  options: {
    readonly query: string
    readonly types: readonly string[]
    readonly kind?: string
    readonly protocol?: string
  },
): Promise<{ readonly client: SpdyClient; readonly streams: Streams }> {
  const { kind = 'exec', protocol = v4, query, types } = options
  const client = await openSpdy({
    port: world.kubelet.port,
    path: world.path(kind, query),
    protocols: [protocol],
  })
  const streams: Record<string, ClientStream> = {}
  for (const type of types) streams[type] = await client.open({ streamtype: type })
  return { client, streams }
}

function textOf(client: SpdyClient, stream: ClientStream | undefined): string {
  return stream ? client.text(stream) : ''
}

async function untilEnded(client: SpdyClient, streams: Streams, ...types: string[]): Promise<void> {
  await client.until(() => types.every((type) => streams[type]?.hasEnded === true))
}

test('exec hands the command, its input and its output through, and says Success', async () => {
  await using world = await start({
    run(process) {
      void process.input().then((input) => {
        process.stdout?.write(`out ${input}`)
        process.stderr?.write('err')
        return process.end(0)
      })
    },
  })
  const query = 'command=sh&command=-c&command=echo%20a%20b&input=1&output=1&error=1'
  const types = ['error', 'stdin', 'stdout', 'stderr']
  const { client, streams } = await connect(world, { query, types })
  client.data(streams['stdin']?.id ?? 0, 'some ')
  client.data(streams['stdin']?.id ?? 0, 'input', true)
  await untilEnded(client, streams, 'error', 'stdout', 'stderr')
  assert.deepEqual(world.execs[0]?.options, {
    command: ['sh', '-c', 'echo a b'],
    stdin: true,
    stdout: true,
    stderr: true,
    tty: false,
  })
  assert.equal(textOf(client, streams['stdout']), 'out some input')
  assert.equal(textOf(client, streams['stderr']), 'err')
  assert.deepEqual(JSON.parse(textOf(client, streams['error'])), {
    metadata: {},
    status: 'Success',
  })
  await client.until(() => client.goAway !== undefined)
})

test('an exit code is a cause of the Status', async () => {
  await using world = await start({ run: (process) => process.end(3) })
  const { client, streams } = await connect(world, {
    query: 'command=x&output=1',
    types: ['error', 'stdout'],
  })
  await untilEnded(client, streams, 'error', 'stdout')
  assert.deepEqual(JSON.parse(textOf(client, streams['error'])), {
    metadata: {},
    status: 'Failure',
    message: 'command terminated with non-zero exit code: exit status 3',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  })
})

test('a command that cannot be started is an InternalError', async () => {
  await using world = await start({ failure: new VkError('NotFound', 'exec: "x": not found') })
  const { client, streams } = await connect(world, {
    query: 'command=x&output=1&error=1',
    types: ['error', 'stdout', 'stderr'],
  })
  await untilEnded(client, streams, 'error', 'stdout', 'stderr')
  const message = 'error executing command in container: exec: "x": not found'
  assert.deepEqual(JSON.parse(textOf(client, streams['error'])), {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  })
})

test('before version 4 the error stream has a text, and only after a failure', async () => {
  for (const protocol of ['v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io']) {
    for (const exitCode of [0, 3]) {
      await using world = await start({ run: (process) => process.end(exitCode) })
      const { client, streams } = await connect(world, {
        query: 'command=x&output=1',
        types: ['error', 'stdout'],
        protocol,
      })
      await untilEnded(client, streams, 'error', 'stdout')
      const failed = 'command terminated with non-zero exit code: exit status 3'
      assert.equal(textOf(client, streams['error']), exitCode === 0 ? '' : failed, protocol)
    }
  }
})

test('a terminal has no stderr, and its sizes come through, the first one too', async () => {
  await using world = await start()
  const query = 'command=x&input=1&output=1&error=1&tty=1'
  const types = ['error', 'stdin', 'stdout', 'resize']
  const { client, streams } = await connect(world, { query, types })
  client.data(streams['resize']?.id ?? 0, '{"Width":80,"Height":24}\n{"Width":1')
  client.data(streams['resize']?.id ?? 0, '00,"Height":30}\n{"Width":0,"Height":1}nonsense')
  client.ping(1)
  await client.until(() => client.pings.length > 0 && world.execs.length > 0)
  const process = world.execs[0]?.process
  assert.equal(process?.choice.stderr, false)
  process?.end(0)
  await untilEnded(client, streams, 'error', 'stdout')
  assert.deepEqual(process?.sizes.at(-1), { width: 100, height: 30 })
})

test('10 MiB of output arrive whole, before the outcome', async () => {
  const piece = Buffer.alloc(1024 * 1024, 'x')
  await using world = await start({
    async run(process) {
      for (let i = 0; i < 10; i += 1) {
        if (!process.stdout?.write(piece)) {
          await new Promise((resolve) => process.stdout?.once('drain', resolve))
        }
      }
      process.end(0)
    },
  })
  const { client, streams } = await connect(world, {
    query: 'command=x&output=1',
    types: ['error', 'stdout'],
  })
  await untilEnded(client, streams, 'error', 'stdout')
  assert.equal(textOf(client, streams['stdout']).length, 10 * 1024 * 1024)
})

test('input that the process does not take does not stand in the way of its end', async () => {
  await using world = await start({ run: (process) => process.stdin?.destroy() })
  const { client, streams } = await connect(world, {
    query: 'command=x&input=1&output=1',
    types: ['error', 'stdin', 'stdout'],
  })
  const { id = 0 } = streams['stdin'] ?? {}
  for (let i = 0; i < 32; i += 1) client.data(id, Buffer.alloc(64 * 1024))
  client.ping(1)
  await client.until(() => client.pings.length === 1)
  world.execs[0]?.process.end(0)
  await untilEnded(client, streams, 'error', 'stdout')
  assert.match(textOf(client, streams['error']), /Success/)
})

test('a client that vanishes ends the process', async () => {
  await using world = await start()
  const { client } = await connect(world, {
    query: 'command=x&output=1',
    types: ['error', 'stdout'],
  })
  client.ping(1)
  await client.until(() => client.pings.length === 1)
  const process = world.execs[0]?.process
  assert.equal(process?.signal.aborted, false)
  const aborted = new Promise((resolve) => process?.signal.addEventListener('abort', resolve))
  client.destroy()
  await aborted
})

test('a server that closes ends the process', async () => {
  const world = await start()
  const { client } = await connect(world, {
    query: 'command=x&output=1',
    types: ['error', 'stdout'],
  })
  client.ping(1)
  await client.until(() => client.pings.length === 1)
  await world[Symbol.asyncDispose]()
  assert.equal(world.execs[0]?.process.signal.aborted, true)
  await client.untilClosed()
})

test('streams that do not come in time end the connection, and nothing is run', async () => {
  await using world = await start({ streamLimits: { creationTimeoutMs: 30 } })
  const { client } = await connect(world, {
    query: 'command=x&input=1&output=1',
    types: ['error', 'stdout'],
  })
  await client.until(() => client.goAway !== undefined)
  assert.deepEqual(world.execs, [])
})

test('a stream that nobody asked for is reset', async () => {
  await using world = await start({ run: (process) => process.end(0) })
  const { client, streams } = await connect(world, {
    query: 'command=x&output=1',
    types: ['error', 'stderr', 'error', 'stdout'],
  })
  assert.equal(streams['stderr']?.resetStatus, 1)
  await client.until(() => client.goAway !== undefined)
})

test('attach takes the terminal from the spec and reports Success whatever the exit code', async () => {
  await using world = await start({ tty: true, run: (process) => process.end(9) })
  const { client, streams } = await connect(world, {
    kind: 'attach',
    query: 'input=1&output=1&error=1',
    types: ['error', 'stdin', 'stdout', 'resize'],
  })
  await untilEnded(client, streams, 'error', 'stdout')
  assert.deepEqual(world.attached[0]?.choice, {
    stdin: true,
    stdout: true,
    stderr: false,
    tty: true,
  })
  assert.match(textOf(client, streams['error']), /Success/)
})

test('the newest protocol of the client that is known here is taken, never version 5', async () => {
  await using world = await start()
  const path = world.path('exec', 'command=x&output=1')
  const offers = [
    [['v5.channel.k8s.io', v4, 'v3.channel.k8s.io'], v4],
    [['v9.channel.k8s.io, v2.channel.k8s.io', v4], 'v2.channel.k8s.io'],
  ] as const
  for (const [protocols, chosen] of offers) {
    const result = await upgradeToSpdy({ port: world.kubelet.port, path, protocols })
    assert.ok('client' in result)
    assert.equal(result.protocol, chosen)
    result.client.destroy()
  }
})

test('what cannot be served is refused in the words of a kubelet', async () => {
  await using world = await start()
  const ok = 'command=x&output=1'
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    [
      '/exec/default/web/c0?command=x',
      [v4],
      400,
      /^you must specify at least 1 of stdin, stdout, stderr$/,
    ],
    [`/exec/default/nope/c0?${ok}`, [v4], 404, /^pod does not exist$/],
    [`/exec/default/ended/c0?${ok}`, [v4], 500, /^container not found \("c0"\)$/],
    [`/exec/default/web/other?${ok}`, [v4], 500, /^container not found \("other"\)$/],
    [`/exec/default/web/uid-else/c0?${ok}`, [v4], 500, /^container not found \("c0"\)$/],
    [`/attach/default/ended/c0?${ok}`, [v4], 500, /^container c0 not found in pod ended_default$/],
    [`/exec/default/web/c0?${ok}`, [], 400, /X-Stream-Protocol-Version/],
    [`/exec/default/web/c0?${ok}`, ['v5.channel.k8s.io'], 403, /unable to negotiate protocol/],
  ]
  for (const [path, protocols, status, body] of cases) {
    const result = await upgradeToSpdy({ port: world.kubelet.port, path, protocols })
    assert.ok('status' in result, path)
    assert.equal(result.status, status, path)
    assert.match(result.body, body)
  }
  const plain = await world.kubelet.ask({ path: `/exec/default/web/c0?${ok}`, method: 'POST' })
  assert.deepEqual([plain.status, plain.body], [400, 'Upgrade request required'])
})

test('the uid in the path is taken when it is the pod’s', async () => {
  await using world = await start()
  const result = await upgradeToSpdy({
    port: world.kubelet.port,
    path: '/exec/default/web/uid-web/c0?command=x&output=1',
    protocols: [v4],
  })
  assert.ok('client' in result)
  result.client.destroy()
})

test('one caller has no more than its share of connections', async () => {
  await using world = await start({ streamLimits: { maxPerCaller: 2 } })
  const ask = { port: world.kubelet.port, path: world.path('exec', 'output=1'), protocols: [v4] }
  const first = await openSpdy(ask)
  await openSpdy(ask)
  const refused = await upgradeToSpdy(ask)
  assert.ok('status' in refused)
  assert.equal(refused.status, 429)
  first.destroy()
})

test('a request for another protocol is answered like any other', async () => {
  await using world = await start()
  const reply = await world.kubelet.ask({
    path: '/healthz',
    headers: { connection: 'Upgrade', upgrade: 'h2c' },
  })
  assert.deepEqual([reply.status, reply.body], [200, 'ok'])
})
