// SPDX-License-Identifier: Apache-2.0
//
// Hooks after the start and before the stop of containers, of every kind, against real processes; and a
// node that is killed while one runs.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { before, describe, test } from 'node:test'
import type { Lifecycle } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { Pods, shell, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

const command = (script: string) => ({ exec: { command: ['sh', '-c', script] } })
/** Says that it listens to signals, notes that it was told to stop, and stops at once. */
const untilTerm = (file: string): string =>
  `trap 'echo TERM >> ${file}; exit 0' TERM; touch ${file}.up; while :; do sleep 1000 & wait $!; done`
/** Nobody uses it up, and nobody waits for its end. */
const terminationGracePeriodSeconds = 1000

describe('hooks', { skip: skipReason, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  const lines = (file: string): readonly string[] =>
    existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []

  before(async () => {
    await startProcessNode(cluster(), { nodeIp: cluster().addAddress() })
  })

  async function run(name: string, file: string, lifecycle: Lifecycle): Promise<void> {
    const containers = [shell(untilTerm(file), { lifecycle })]
    await pods.create({ name, spec: { containers, terminationGracePeriodSeconds } })
    await eventually(() => existsSync(`${file}.up`), { what: `${name} to run` })
  }

  test('a hook after the start holds up the next container', async () => {
    const file = `${shared()}/post-start`
    const postStart = command(`sleep 0.5; echo hook >> ${file}`)
    await pods.create({
      name: 'ordered',
      spec: {
        restartPolicy: 'Never',
        containers: [
          shell(`until grep -q second ${file}; do sleep 0.1; done`, {
            name: 'first',
            lifecycle: { postStart },
          }),
          shell(`echo second >> ${file}`, { name: 'second' }),
        ],
      },
    })
    await pods.untilPhase('ordered', 'Succeeded')
    assert.deepEqual(lines(file), ['hook', 'second'])
  })

  test('a hook after the start that fails ends its container', async () => {
    const file = `${shared()}/failing`
    const script = `until test -e ${file}.up; do sleep 0.05; done; echo secret; exit 1`
    await pods.create({
      name: 'failing',
      spec: {
        terminationGracePeriodSeconds,
        containers: [shell(untilTerm(file), { lifecycle: { postStart: command(script) } })],
      },
    })
    const event = await pods.untilEvent('failing', 'FailedPostStartHook')
    assert.equal(event.message, 'PostStartHook failed')
    assert.equal(event.type, 'Warning')
    await pods.until('failing', (pod) => (statusOf(pod)?.restartCount ?? 0) > 0, {
      what: 'be restarted',
    })
    assert.equal(lines(file)[0], 'TERM')
  })

  test('a hook before the stop is over before the container is told to stop', async () => {
    const file = `${shared()}/pre-stop`
    await run('polite', file, { preStop: command(`sleep 0.3; echo hook >> ${file}`) })
    await pods.end('polite')
    assert.deepEqual(lines(file), ['hook', 'TERM'])
    await pods.untilEvent('polite', 'Killing')
    const killings = (await pods.events('polite')).filter(({ reason }) => reason === 'Killing')
    assert.deepEqual(
      killings.map(({ message }) => message),
      ['Stopping container main'],
    )
  })

  test('a hook before the stop has no more time than the grace', async () => {
    const file = `${shared()}/too-long`
    await run('slow', file, { preStop: { sleep: { seconds: 900 } } })
    await pods.end('slow', { gracePeriodSeconds: 1 })
    assert.deepEqual(lines(file), ['TERM'])
  })

  test('a hook before the stop that fails is told, and the container stops all the same', async () => {
    const file = `${shared()}/pre-stop-fails`
    await run('grumpy', file, { preStop: command('exit 1') })
    await pods.end('grumpy')
    assert.deepEqual(lines(file), ['TERM'])
    const event = await pods.untilEvent('grumpy', 'FailedPreStopHook')
    assert.equal(event.message, 'PreStopHook failed')
  })

  test('any answer to a request will do, also one in clear to one by TLS', async () => {
    const file = `${shared()}/requests`
    const asked: string[] = []
    await using server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers['user-agent']}`)
      response.writeHead(500).end()
    }).listen(0, '127.0.0.1')
    // What is no HTTP request is answered by HTTP all the same.
    server.on('clientError', (_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await run('asked', file, {
      postStart: { httpGet: { host: '127.0.0.1', port, path: '/started' } },
      preStop: { httpGet: { host: '127.0.0.1', port, path: '/stops', scheme: 'HTTPS' } },
    })
    await eventually(() => asked.length > 0, { what: 'the server to be asked' })
    await pods.end('asked')
    assert.deepEqual(asked, ['/started kube-lifecycle/1.36', '/stops kube-lifecycle/1.36'])
    assert.deepEqual(lines(file), ['TERM'])
    const fallback = await pods.untilEvent('asked', 'LifecycleHTTPFallback')
    assert.match(fallback.message ?? '', /got HTTP response, retry with HTTP succeeded$/)
    const reasons = (await pods.events('asked')).map(({ reason }) => reason)
    assert(!reasons.includes('FailedPreStopHook'))
  })
})

describe('hooks over kill -9 of the node', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  test('one before the stop that was under way is run again', async () => {
    const file = `${shared()}/file`
    const node = await startProcessNode(cluster(), { nodeIp: cluster().addAddress() })
    const script = `echo begins >> ${file}; while ! test -e ${file}.go; do sleep 0.05; done; echo hook >> ${file}`
    const containers = [shell(untilTerm(file), { lifecycle: { preStop: command(script) } })]
    await pods.create({ name: 'last', spec: { containers, terminationGracePeriodSeconds } })
    await eventually(() => existsSync(`${file}.up`), { what: 'it to run' })
    await pods.delete('last')
    const begins = (): number =>
      existsSync(file) ? readFileSync(file, 'utf8').split('begins').length - 1 : 0
    await eventually(() => begins() === 1, { what: 'the hook to begin' })
    node.kill('SIGKILL')
    await node.exited
    await startProcessNode(cluster(), { nodeIp: node.nodeIp })
    await eventually(() => begins() === 2, { what: 'the hook to begin again' })
    writeFileSync(`${file}.go`, '')
    await pods.untilGone('last')
    // The run of the hook that the killed node had begun goes on in its container, and may have its word
    // after the container was told to stop.
    assert.match(readFileSync(file, 'utf8'), /^(begins\n){2}(hook\n)+TERM\n(hook\n)?$/)
  })
})
