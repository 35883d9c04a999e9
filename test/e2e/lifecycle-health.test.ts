// SPDX-License-Identifier: Apache-2.0
//
// The kinds of probes that lifecycle-probes.test.ts leaves out, each against a real server: gRPC that ends a
// container, TCP at a named port, HTTPS with redirects; and readiness that others have a say in.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import type { Container, Pod, Probe } from '../../src/kube/types.gen.ts'
import { createAuthority } from './certificates.ts'
import { freePort } from './free-port.ts'
import { conditionOf, Pods, shell, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

// On a busy machine an answer may take long; that is not what is tried here.
const quick: Probe = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 30 }
// Of the events about a pod only 25 are let through at once, and each answer that is no good is one.
const untilStarted = { ...quick, periodSeconds: 2, failureThreshold: 100 }
const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True'
const hasRestarted = (pod: Pod): boolean => (statusOf(pod)?.restartCount ?? 0) > 0

describe('probes of further kinds', { skip: skipReason, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  before(async () => {
    await startProcessNode(cluster())
  })

  test('startup and liveness by gRPC', async () => {
    const file = `${shared()}/grpc`
    writeFileSync(file, '')
    const port = await freePort()
    const container = nodeProgram(grpcServer(port, file), {
      startupProbe: { ...untilStarted, grpc: { port } },
      livenessProbe: { ...quick, grpc: { port, service: 'shop' } },
    })
    await pods.create({ name: 'grpc', spec: { containers: [container] } })
    await pods.until('grpc', (pod) => statusOf(pod)?.started, { what: 'be started' })
    rmSync(file)
    await pods.until('grpc', hasRestarted, { what: 'be restarted' })
    await pods.untilEvent(
      'grpc',
      'Unhealthy',
      /^Liveness probe failed: service unhealthy \(responded with "NOT_SERVING"\)$/,
    )
    const killing = await pods.untilEvent('grpc', 'Killing')
    assert.equal(killing.message, 'Container main failed liveness probe, will be restarted')
    writeFileSync(file, '')
    await pods.end('grpc', { gracePeriodSeconds: 1 })
  })

  test('liveness by TCP at a port that has a name', async () => {
    const file = `${shared()}/tcp`
    writeFileSync(file, '')
    const port = await freePort()
    const script = `const fs=require("fs"),s=require("net").createServer(c=>c.destroy()).listen(${port});
      setInterval(()=>fs.existsSync("${file}")||s.close(),50);process.on("SIGTERM",()=>process.exit(143))`
    const tcpSocket = { port: 'door' }
    const container = nodeProgram(script, {
      ports: [{ name: 'door', containerPort: port }],
      startupProbe: { ...untilStarted, tcpSocket },
      livenessProbe: { ...quick, tcpSocket },
    })
    await pods.create({ name: 'tcp', spec: { containers: [container] } })
    await pods.until('tcp', (pod) => statusOf(pod)?.started, { what: 'be started' })
    rmSync(file)
    await pods.until('tcp', hasRestarted, { what: 'be restarted' })
    const why = /^Liveness probe failed: dial tcp .+:\d+: connect: connection refused$/
    await pods.untilEvent('tcp', 'Unhealthy', why)
    writeFileSync(file, '')
    await pods.end('tcp', { gracePeriodSeconds: 1 })
  })

  test('readiness by HTTPS with a certificate that nobody knows, and a way to go on the same host', async () => {
    const { certificate, key } = await createAuthority('nobody')
    const port = await freePort()
    const script = `const asked=[];require("https").createServer({cert:${JSON.stringify(certificate)},key:${JSON.stringify(key)}},(q,r)=>{
      console.log(q.url,q.headers["x-probe"],q.headers.host);
      if(q.url==="/ready?deep=1")r.writeHead(204).end();
      else r.writeHead(q.url==="/"?301:307,{location:q.url==="/"?"/next":"ready?deep=1"}).end()}).listen(${port})`
    const httpGet = {
      port,
      scheme: 'HTTPS',
      httpHeaders: [
        { name: 'X-Probe', value: 'yes' },
        { name: 'Host', value: 'shop.example' },
      ],
    }
    const container = nodeProgram(script, { readinessProbe: { ...quick, httpGet } })
    await pods.create({ name: 'secure', spec: { containers: [container] } })
    await pods.until('secure', isReady, { what: 'be ready' })
    await pods.untilLogged('secure', /deep=1/)
    const [first, ...others] = (await pods.logs('secure')).trim().split('\n')
    assert.equal(first, '/ yes shop.example')
    assert.match(others.join('\n'), /^\/next yes .+\n\/ready\?deep=1 yes /)
    assert.equal(statusOf(await pods.get('secure'))?.restartCount, 0)
    await pods.end('secure', { gracePeriodSeconds: 1 })
  })

  test('a pod with a readiness gate is ready once whoever holds the gate says so', async () => {
    const conditionType = 'example.com/registered'
    const spec = { readinessGates: [{ conditionType }], containers: [shell('exec sleep 600')] }
    await pods.create({ name: 'gated', spec })
    const running = await pods.until(
      'gated',
      (pod) => conditionOf(pod, 'ContainersReady')?.status === 'True',
      { what: 'have ready containers' },
    )
    const held = conditionOf(running, 'Ready')
    assert.deepEqual([held?.status, held?.reason], ['False', 'ReadinessGatesNotReady'])
    assert.equal(
      held?.message,
      `corresponding condition of pod readiness gate "${conditionType}" does not exist.`,
    )
    const say = async (status: 'True' | 'False'): Promise<void> => {
      const body = { status: { conditions: [{ type: conditionType, status }] } }
      const contentType = 'application/strategic-merge-patch+json'
      const path = '/api/v1/namespaces/default/pods/gated/status'
      await cluster().api('PATCH', path, { contentType, body })
    }
    await say('True')
    await pods.until('gated', isReady, { what: 'be ready' })
    await say('False')
    const again = await pods.until('gated', (pod) => !isReady(pod), { what: 'be unready' })
    assert.equal(
      conditionOf(again, 'Ready')?.message,
      `the status of pod readiness gate "${conditionType}" is not "True", but False`,
    )
    assert.equal(conditionOf(again, conditionType)?.status, 'False')
    await pods.end('gated', { gracePeriodSeconds: 1 })
  })
})

function nodeProgram(script: string, more: Partial<Container>): Container {
  return { name: 'main', image: 'host', command: [process.execPath, '-e', script], ...more }
}

/** A health service that knows the empty name and `shop`; SERVING as long as the file is there. */
function grpcServer(port: number, file: string): string {
  return `require("http2").createServer().on("stream",(s,h)=>{s.resume().on("end",()=>{
    s.respond({":status":200,"content-type":"application/grpc"},{waitForTrailers:true});
    s.on("wantTrailers",()=>s.sendTrailers({"grpc-status":"0"}));
    s.write(Buffer.from([0,0,0,0,2,8,require("fs").existsSync("${file}")?1:2]));s.end()})}).listen(${port});
    process.on("SIGTERM",()=>process.exit(143))`
}
