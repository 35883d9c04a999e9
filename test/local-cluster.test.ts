// SPDX-License-Identifier: Apache-2.0
// `up`, `status`, `logs`, `exec`, `kubectl` and `down` as a person uses them, one after the other.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClusterAccess } from '../src/cli/cluster-access.ts'
import { linesOf, readLogBytes } from '../src/cli/log-stream.ts'
import { loadConnection } from '../src/kube/kubeconfig.ts'
import { nodes, pods } from '../src/kube/resources.ts'
import { silentLogger } from '../src/util/logger.ts'
import { CliProcess, runCli } from './support/cli-process.ts'
import { processesWith } from './support/marked-processes.ts'

async function connect(kubeconfig: string): Promise<ClusterAccess> {
  const connection = await loadConnection({ kubeconfig, env: {}, log: silentLogger })
  return new ClusterAccess(connection, { log: silentLogger })
}

/** Resolves once the pod's own program runs, which is a moment after its container does. */
async function createPod(access: ClusterAccess, mark: string): Promise<void> {
  const { client } = access
  const script = `trap 'exit 0' TERM; echo "hello from ${mark}"; while :; do sleep 0.1; done`
  await client.create(pods, {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'main', image: 'host', command: ['/bin/sh', '-c', script] }],
    },
  })
  for await (const event of client.watch(pods, { namespace: 'default' })) {
    if (event.type !== 'BOOKMARK' && event.object.status?.phase === 'Running') break
  }
  const { signal } = new AbortController()
  const pod = { namespace: 'default', name: 'web' }
  for await (const line of linesOf(
    readLogBytes(access, { pod, query: { follow: true }, signal }),
  )) {
    if (line.includes(mark)) return
  }
}

test('a cluster comes up, is found, looked into, and ended with its pods', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-up-'))
  const mark = `vk-up-${process.pid}-${Date.now()}`
  const env = { VK_DATA_DIR: join(dir.path, 'data') }
  const vk = (...args: string[]) => runCli(args, { env })
  await using cluster = new CliProcess(['up'], { env })
  await cluster.says(/^export KUBECONFIG=/m)

  const kubeconfig = join(env.VK_DATA_DIR, 'kubeconfig')
  const second = await vk('up')
  assert.deepEqual([second.code, second.stdout], [0, `export KUBECONFIG=${kubeconfig}\n`])
  assert.match(second.stderr, /runs already \(process \d+\)/)

  await using access = await connect(kubeconfig)
  await createPod(access, mark)
  const status = await vk('status')
  assert.equal(status.code, 0)
  assert.match(status.stdout, /^node-1 +Ready +1 Running$/m)

  assert.equal((await vk('logs', 'web', '--tail', '1')).stdout, `hello from ${mark}\n`)
  const failing = await vk('exec', 'pod/web', '--', '/bin/sh', '-c', 'echo out; exit 5')
  assert.deepEqual([failing.stdout, failing.code], ['out\n', 5])
  const wrong = await vk('logs', 'wbe')
  assert.deepEqual([wrong.code, wrong.stderr.split('\n')[1]], [2, 'It has: web'])

  const fake = join(dir.path, 'kubectl')
  writeFileSync(fake, '#!/bin/sh\necho "$KUBECONFIG $*"\nexit 3\n', { mode: 0o755 })
  const kubectl = await runCli(['kubectl', 'get', 'pods', '-o', 'wide'], {
    env: { ...env, VK_KUBECTL: fake },
  })
  assert.deepEqual([kubectl.code, kubectl.stdout], [3, `${kubeconfig} get pods -o wide\n`])
  const missing = await runCli(['kubectl', 'get', 'pods'], { env: { ...env, VK_KUBECTL: '/nope' } })
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /https:\/\/dl\.k8s\.io\/release\/v1\.36\.3\/bin\//)

  assert.ok(processesWith(mark).length > 0)
  assert.equal((await vk('down')).code, 0)
  assert.equal((await cluster.ended).code, 0)
  assert.deepEqual(processesWith(mark), [])
  const after = await vk('status')
  assert.deepEqual(
    [after.code, after.stdout.split('\n')[0]],
    [1, `No cluster runs in ${env.VK_DATA_DIR}`],
  )
  assert.equal((await vk('down')).code, 0)
  const nothing = await vk('logs', 'web')
  assert.equal(nothing.code, 2)
  assert.match(nothing.stderr, /Start one with `node \S+main\.ts up`/)
})

test('after kill -9 the next one has the same objects and processes, and no more nodes than it is told', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-up-'))
  const mark = `vk-kill-${process.pid}-${Date.now()}`
  const env = { VK_DATA_DIR: dir.path }
  const access = async () => await connect(join(dir.path, 'kubeconfig'))
  {
    await using first = new CliProcess(['up', '--nodes', '3'], { env })
    await first.says(/node-1, node-2, node-3 Ready/)
    await first.says(/^export KUBECONFIG=/m)
    await using cluster = await access()
    await createPod(cluster, mark)
  }
  const running = processesWith(mark)
  const kubeconfig = readFileSync(join(dir.path, 'kubeconfig'), 'utf8')
  assert.ok(running.length > 0)
  assert.match((await runCli(['up', '--detach'], { env })).stderr, /: \S+, node-1 Ready/)
  await using _ = { [Symbol.asyncDispose]: async () => void (await runCli(['down'], { env })) }
  await using cluster = await access()
  const pod = await cluster.client.get(pods, { namespace: 'default', name: 'web' })
  assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0)
  assert.deepEqual(processesWith(mark), running)
  const { items } = await cluster.client.list(nodes)
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['node-1'],
  )
  const server = /server: .*/
  const [address] = server.exec(readFileSync(join(dir.path, 'kubeconfig'), 'utf8')) ?? []
  assert.equal(address, server.exec(kubeconfig)?.[0])
  const others = await runCli(['up', '--nodes', '2', '--data-dir', dir.path], { env })
  assert.equal(others.code, 2)
  assert.match(
    others.stderr,
    /^Cannot start one with 2 nodes: the cluster that runs already .* has 1 node /,
  )
  assert.ok(others.stderr.includes(`down --data-dir ${dir.path}\` ends it`), others.stderr)
  assert.equal((await runCli(['down'], { env })).code, 0)
  assert.deepEqual(processesWith(mark), [])
})
