// SPDX-License-Identifier: Apache-2.0
//
// Probes of every kind against real processes: when a container is started and ready, when it is ended,
// and that a restart of the node in the middle changes none of it.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { describe, before, test } from 'node:test'
import type { Container, Pod, Probe } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { watchPod } from './pod-watch.ts'
import { conditionOf, Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

/** On a busy machine an answer may take long; that is not what is tried here. */
const quick: Probe = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 100 }
/** Of the events about a pod only 25 are let through at once, and each answer that is no good is one. */
const quiet: Probe = { ...quick, periodSeconds: 2 }
/** Of pods that end as soon as they are told to: nobody uses it up. */
const terminationGracePeriodSeconds = 1000
/** Goes on until it is told to stop. */
const idle = 'trap "exit 0" TERM; while :; do sleep 0.1; done'
const exists = (file: string): Probe => ({
  ...quick,
  exec: { command: ['test', '-e', file] },
})
const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True'
const hasRestarted = (pod: Pod): boolean => (statusOf(pod)?.restartCount ?? 0) > 0

describe('probes', { skip: skipReason, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster(), { nodeIp: cluster().addAddress() })
  })

  /** A server on every address that answers as the file says: a status, or a place to go to. */
  function server(port: number, file: string, more: Partial<Container> = {}): Container {
    writeFileSync(file, '200')
    const script = `require("http").createServer((q,r)=>{const w=require("fs").readFileSync("${file}","utf8").trim();
      if(/^\\d/.test(w))r.writeHead(q.headers["x-probe"]==="yes"?+w:500).end(q.headers["user-agent"]);
      else r.writeHead(302,{location:w}).end()}).listen(${port});process.on("SIGTERM",()=>process.exit(143))`
    return nodeProgram(script, { ports: [{ name: 'web', containerPort: port }], ...more })
  }

  const httpGet = { port: 'web', path: '/health', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] }

  test('readiness by HTTP: ready while the server says so, and never restarted', async () => {
    const file = `${shared()}/status`
    const container = server(await freePort(), file, { readinessProbe: { ...quiet, httpGet } })
    await pods.create({ name: 'web', spec: { containers: [container] } })
    await pods.until('web', isReady, { what: 'be ready' })
    writeFileSync(file, '503')
    const unready = await pods.until('web', (pod) => !isReady(pod), { what: 'be unready' })
    assert.equal(conditionOf(unready, 'Ready')?.reason, 'ContainersNotReady')
    assert.equal(
      conditionOf(unready, 'ContainersReady')?.message,
      'containers with unready status: [main]',
    )
    assert.equal(statusOf(unready)?.started, true)
    const said = /^Readiness probe failed: HTTP probe failed with statuscode: 503$/
    await pods.untilEvent('web', 'Unhealthy', said)
    writeFileSync(file, 'http://elsewhere.example/')
    const ready = await pods.until('web', isReady, { what: 'be ready again' })
    assert.equal(statusOf(ready)?.restartCount, 0)
    const warned = /^Readiness probe warning: Probe terminated redirects/
    await pods.untilEvent('web', 'ProbeWarning', warned)
  })

  test('liveness by HTTP ends the container, which is started again', async () => {
    const file = `${shared()}/alive`
    const container = server(await freePort(), file, {
      // The first process of a container is deaf to SIGTERM until it has a handler for it.
      startupProbe: { ...quiet, failureThreshold: 100, httpGet },
      livenessProbe: { ...quick, httpGet },
    })
    const spec = { terminationGracePeriodSeconds, containers: [container] }
    await pods.create({ name: 'alive', spec })
    await pods.until('alive', isReady, { what: 'be started' })
    using watch = await watchPod(cluster(), 'alive')
    writeFileSync(file, '500')
    const pod = await watch.until(hasRestarted, 'be restarted')
    assert.equal(statusOf(pod)?.lastState?.terminated?.exitCode, 143)
    const killing = await pods.untilEvent('alive', 'Killing')
    assert.equal(killing.message, 'Container main failed liveness probe, will be restarted')
    writeFileSync(file, '200')
  })

  test('liveness by command, which may be killed sooner than its pod', async () => {
    const file = `${shared()}/lives`
    writeFileSync(file, '')
    const livenessProbe = { ...exists(file), failureThreshold: 2, terminationGracePeriodSeconds: 1 }
    const script = 'trap "" TERM; echo up; while :; do sleep 0.1; done'
    await pods.create({
      name: 'stubborn',
      spec: { terminationGracePeriodSeconds: 600, containers: [shell(script, { livenessProbe })] },
    })
    await pods.untilLogged('stubborn', /up/)
    using watch = await watchPod(cluster(), 'stubborn')
    rmSync(file)
    const pod = await watch.until(hasRestarted, 'be restarted')
    assert.equal(statusOf(pod)?.lastState?.terminated?.exitCode, 137)
    writeFileSync(file, '')
    await pods.delete('stubborn', { gracePeriodSeconds: 0 })
  })

  test('nothing else is asked before a container has started', async () => {
    const file = `${shared()}/started`
    const spec = {
      containers: [
        shell(idle, {
          startupProbe: { ...exists(file), failureThreshold: 100 },
          // Would end it at once.
          livenessProbe: { ...exists(file), initialDelaySeconds: 0 },
          readinessProbe: exists(file),
        }),
      ],
    }
    await pods.create({ name: 'slow', spec })
    await pods.untilEvent('slow', 'Unhealthy')
    const waiting = await pods.until('slow', (pod) => stateOf(pod)?.running, { what: 'run' })
    assert.equal(statusOf(waiting)?.started, false)
    assert.equal(statusOf(waiting)?.ready, false)
    const events = await pods.events('slow')
    const complaints = events.filter(({ reason }) => reason === 'Unhealthy')
    const others = complaints.filter(
      ({ message }) => !message?.startsWith('Startup probe failed: '),
    )
    assert.deepEqual(others, [])
    writeFileSync(file, '')
    const up = await pods.until('slow', isReady, { what: 'be ready' })
    assert.equal(statusOf(up)?.started, true)
    assert.equal(statusOf(up)?.restartCount, 0)
  })

  test('a container that does not start in time is ended', async () => {
    const startupProbe = { ...quick, tcpSocket: { port: await freePort() } }
    await pods.create({ name: 'never', spec: { containers: [shell(idle, { startupProbe })] } })
    await pods.until('never', hasRestarted, { what: 'be restarted' })
    const why = /^Startup probe failed: dial tcp .+: connect: connection refused$/
    await pods.untilEvent('never', 'Unhealthy', why)
    const killing = await pods.untilEvent('never', 'Killing')
    assert.equal(killing.message, 'Container main failed startup probe, will be restarted')
  })

  test('readiness by TCP and by gRPC', async () => {
    const [tcpPort, grpcPort] = [await freePort(), await freePort()]
    const containers = [
      nodeProgram(`require("net").createServer().listen(${tcpPort})`, {
        name: 'tcp',
        readinessProbe: { ...quick, tcpSocket: { port: tcpPort } },
      }),
      nodeProgram(grpcServer(grpcPort), {
        name: 'grpc',
        readinessProbe: { ...quick, grpc: { port: grpcPort, service: 'shop' } },
      }),
    ]
    await pods.create({ name: 'ports', spec: { containers } })
    await pods.until('ports', isReady, { what: 'be ready' })
  })

  test('a sidecar that has not started holds up what comes after it', async () => {
    const file = `${shared()}/side`
    const sidecar = shell(idle, {
      name: 'side',
      restartPolicy: 'Always',
      startupProbe: { ...exists(file), failureThreshold: 100 },
    })
    const initContainers = [sidecar, shell('true', { name: 'init' })]
    await pods.create({ name: 'held', spec: { initContainers, containers: [shell(idle)] } })
    await pods.untilEvent('held', 'Unhealthy')
    const isUp = ({ status }: Pod) => status?.initContainerStatuses?.[0]?.state?.running
    const held = await pods.until('held', isUp, { what: 'run its sidecar' })
    const [side, init] = held.status?.initContainerStatuses ?? []
    assert.deepEqual([side?.started, init?.state?.waiting?.reason], [false, 'PodInitializing'])
    assert.equal(held.status?.phase, 'Pending')
    writeFileSync(file, '')
    await pods.until('held', isReady, { what: 'be ready' })
  })

  test('probes are counted as a kubelet counts them', async () => {
    await pods.create({
      name: 'counted',
      spec: {
        containers: [shell(idle, { livenessProbe: { ...quick, exec: { command: ['true'] } } })],
      },
    })
    const path = `/api/v1/nodes/${node.nodeName}/proxy/metrics/probes`
    await eventually(
      async () =>
        /^prober_probe_total\{container="main",namespace="default",pod="counted",probe_type="Liveness",pod_uid=".+",result="successful"\} [1-9]/m.test(
          await cluster().api<string>('GET', path),
        ),
      { what: 'the probe to be counted' },
    )
  })
})

describe('probes over kill -9 of the node', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  test('what was started and ready stays so until a probe says otherwise', async () => {
    const file = `${shared()}/file`
    writeFileSync(file, '')
    const node = await startProcessNode(cluster(), { nodeIp: cluster().addAddress() })
    const probe = exists(file)
    const startupProbe = { ...probe, failureThreshold: 100 }
    await pods.create({
      name: 'kept',
      spec: { containers: [shell(idle, { startupProbe, readinessProbe: probe })] },
    })
    const before = await pods.until('kept', isReady, { what: 'be ready' })
    node.kill('SIGKILL')
    await node.exited
    await startProcessNode(cluster(), { nodeIp: node.nodeIp })
    await pods.create({ name: 'next', spec: { containers: [shell(idle)] } })
    await pods.until('next', isReady, { what: 'run on the new node' })
    const after = await pods.get('kept')
    assert.deepEqual(conditionOf(after, 'Ready'), conditionOf(before, 'Ready'))
    assert.deepEqual(after.status?.containerStatuses, before.status?.containerStatuses)
    rmSync(file)
    const unready = await pods.until('kept', (pod) => !isReady(pod), { what: 'be unready' })
    assert.equal(statusOf(unready)?.started, true)
    assert.equal(statusOf(unready)?.restartCount, 0)
  })
})

function nodeProgram(script: string, more: Partial<Container>): Container {
  return { name: 'main', image: 'host', command: [process.execPath, '-e', script], ...more }
}

/** A health service that knows one name, `shop`, and that it is SERVING. */
function grpcServer(port: number): string {
  return `require("http2").createServer().on("stream",(s,h)=>{let d="";s.setEncoding("latin1");s.on("data",c=>d+=c).on("end",()=>{
    const ok=h[":path"]==="/grpc.health.v1.Health/Check"&&d.slice(5)==="\\n\\x04shop";
    s.respond({":status":200,"content-type":"application/grpc"},{waitForTrailers:true});
    s.on("wantTrailers",()=>s.sendTrailers({"grpc-status":ok?"0":"5","grpc-message":ok?"":"unknown"}));
    if(ok)s.write(Buffer.from([0,0,0,0,2,8,1]));s.end()})}).listen(${port})`
}
