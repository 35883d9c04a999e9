// SPDX-License-Identifier: Apache-2.0
//
// The measure for everybody else: a client that does nothing with a node's pods but send the requests
// that cannot be left out. It keeps no cache, writes no events, retries nothing, checks nothing.
//   node bench/ideal-client.ts <kubeconfig> <node> <patch-and-delete | delete>
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Pool } from 'undici'

interface Pod {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly resourceVersion: string
    readonly deletionTimestamp?: string
  }
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly image: string }[]
  }
  readonly status: { readonly phase?: string }
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: Pod
}

interface PodList {
  readonly metadata: { readonly resourceVersion: string }
  readonly items: readonly Pod[]
}

/** Parallel requests; more of them did not make it faster. */
const CONNECTIONS = 64

const [kubeconfig = '', node = '', ending = 'patch-and-delete'] = process.argv.slice(2)
const PATH = `/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`
const { server, connect } = readKubeconfig(kubeconfig)
const requests = new Pool(server, { connect, connections: CONNECTIONS, pipelining: 1 })
const watches = new Pool(server, { connect, bodyTimeout: 0 })
const startTime = now()
const isEnding = new Set<string>()

let resourceVersion = await list()
for (;;) {
  try {
    await watch()
  } catch (error) {
    console.error(error)
  }
}

async function list(): Promise<string> {
  const { body } = await watches.request({ path: PATH, method: 'GET' })
  const { metadata, items } = (await body.json()) as PodList
  for (const object of items) see({ type: 'ADDED', object })
  return metadata.resourceVersion
}

async function watch(): Promise<void> {
  const path = `${PATH}&watch=1&resourceVersion=${resourceVersion}`
  const { body } = await watches.request({ path, method: 'GET' })
  for await (const line of createInterface({ input: body })) {
    const event = JSON.parse(line) as WatchEvent
    if (event.type === 'ERROR') throw new Error(line)
    ;({ resourceVersion } = event.object.metadata)
    see(event)
  }
}

function see({ type, object }: WatchEvent): void {
  if (type === 'DELETED') isEnding.delete(object.metadata.uid)
  else if (object.metadata.deletionTimestamp === undefined) {
    if (type === 'ADDED' && object.status.phase === 'Pending') void run(object)
  } else if (!isEnding.has(object.metadata.uid)) {
    isEnding.add(object.metadata.uid)
    void end(object)
  }
}

async function run(pod: Pod): Promise<void> {
  await patchStatus(pod, {
    phase: 'Running',
    hostIP: '10.0.0.1',
    hostIPs: [{ ip: '10.0.0.1' }],
    podIP: '10.0.0.2',
    podIPs: [{ ip: '10.0.0.2' }],
    startTime,
    conditions: conditions('True'),
    containerStatuses: pod.spec.containers.map(({ name, image }) => ({
      ...identity(name, image),
      ready: true,
      started: true,
      state: { running: { startedAt: startTime } },
    })),
  })
}

async function end(pod: Pod): Promise<void> {
  if (ending !== 'delete') {
    const terminated = { exitCode: 0, reason: 'Completed', startedAt: startTime, finishedAt: now() }
    await patchStatus(pod, {
      phase: 'Succeeded',
      conditions: conditions('False'),
      containerStatuses: pod.spec.containers.map(({ name, image }) => ({
        ...identity(name, image),
        ready: false,
        started: false,
        state: { terminated },
      })),
    })
  }
  const preconditions = { uid: pod.metadata.uid }
  await send('DELETE', pathOf(pod), { gracePeriodSeconds: 0, preconditions })
}

async function patchStatus(pod: Pod, status: object): Promise<void> {
  await send('PATCH', `${pathOf(pod)}/status`, { metadata: { uid: pod.metadata.uid }, status })
}

function send(method: 'PATCH' | 'DELETE', path: string, body: object): Promise<void> {
  const type = method === 'PATCH' ? 'strategic-merge-patch+json' : 'json'
  const { promise, resolve } = Promise.withResolvers<void>()
  // The lowest interface of undici: no streams, the answer's body is dropped as it comes.
  requests.dispatch(
    {
      path,
      method,
      headers: ['content-type', `application/${type}`],
      body: JSON.stringify(body),
    },
    {
      onRequestStart: () => {},
      onResponseStart: (_, status) => {
        if (status >= 300) console.error(method, path, status)
      },
      onResponseData: () => {},
      onResponseEnd: () => resolve(),
      onResponseError: (_, error) => {
        console.error(method, path, error)
        resolve()
      },
    },
  )
  return promise
}

function pathOf({ metadata }: Pod): string {
  return `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`
}

function identity(name: string, image: string): object {
  return { name, image, imageID: image, containerID: `ideal://${name}`, restartCount: 0 }
}

function conditions(ready: 'True' | 'False'): object[] {
  const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady']
  return [...types, 'PodScheduled'].map((type) => ({
    type,
    status: type.endsWith('Ready') ? ready : 'True',
    lastTransitionTime: startTime,
  }))
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+/, '')
}

function readKubeconfig(path: string) {
  const config = JSON.parse(readFileSync(path, 'utf8')) as {
    clusters: [{ cluster: Record<string, string> }]
    users: [{ user: Record<string, string> }]
  }
  const { cluster } = config.clusters[0]
  const { user } = config.users[0]
  const pem = (text = '') => Buffer.from(text, 'base64').toString()
  return {
    server: cluster['server'] ?? '',
    connect: {
      ca: pem(cluster['certificate-authority-data']),
      cert: pem(user['client-certificate-data']),
      key: pem(user['client-key-data']),
    },
  }
}
