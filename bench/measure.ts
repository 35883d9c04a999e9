// SPDX-License-Identifier: Apache-2.0
//
// One measurement: all pods up and down again with one contender, alone on the API server.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../test/e2e/cluster.ts'
import { apiWrites, writesSince } from './api-writes.ts'
import type { Component } from '../test/e2e/component.ts'
import type { Contender } from './contenders.ts'
import { PodLoad } from './pod-load.ts'
import { cpuMs, residentMib } from './process-usage.ts'

/** Figures of one run. Latencies in ms. */
export interface Measurement {
  readonly contender: string
  readonly podsPerSecondUp: number
  readonly podsPerSecondDown: number
  readonly cpuMsPerPodUp: number
  readonly cpuMsPerPodDown: number
  /** What the API server itself used, the generator's requests included. */
  readonly serverCpuMsPerPodUp: number
  readonly serverCpuMsPerPodDown: number
  readonly residentMib: number
  /** Bound to Running while pods come slowly; undefined if that was not measured. */
  readonly latency?: { readonly p50: number; readonly p99: number }
  /** Writing requests per pod by kind, without the generator's own. */
  readonly writesUp: ReadonlyMap<string, number>
  readonly writesDown: ReadonlyMap<string, number>
}

/** What to measure. */
export interface MeasureOptions {
  readonly pods: number
  /** Pods per second for the latencies. */
  readonly pacedPerSecond: number
  readonly pacedPods: number
}

/** Starts the contender, measures, and stops it. Throws when it ends before that. */
export async function measure(
  cluster: Cluster,
  contender: Contender,
  options: MeasureOptions,
): Promise<Measurement> {
  await using component = await contender.start()
  const ended = component.exited.then(({ code, signal }) => {
    throw new Error(`${contender.name} ended with ${code ?? signal}; see ${component.logFile}`)
  })
  return await Promise.race([measureRunning(cluster, { contender, component, options }), ended])
}

async function measureRunning(
  cluster: Cluster,
  {
    contender,
    component,
    options,
  }: {
    readonly contender: Contender
    readonly component: Component
    readonly options: MeasureOptions
  },
): Promise<Measurement> {
  const { node, maxPods = Infinity } = contender
  const pods = Math.min(options.pods, maxPods)
  // What the program did in order to start, and the first, cold pods, are not counted.
  await runPods(cluster, { node, count: Math.min(500, Math.ceil(pods / 2)) })
  const latency = maxPods < options.pods ? undefined : await pacedLatency(cluster, node, options)
  await using load = new PodLoad(cluster, { node, count: pods })
  await load.start()
  const serverPid = cluster.pids['kube-apiserver'] ?? Number.NaN
  const idle = {
    writes: await apiWrites(cluster),
    cpu: cpuMs(component.pid),
    server: cpuMs(serverPid),
  }
  const upMs = await load.up()
  await sleep(500)
  const full = {
    writes: await apiWrites(cluster),
    cpu: cpuMs(component.pid),
    server: cpuMs(serverPid),
  }
  const resident = residentMib(component.pid)
  const downMs = await load.down()
  await sleep(500)
  const empty = {
    writes: await apiWrites(cluster),
    cpu: cpuMs(component.pid),
    server: cpuMs(serverPid),
  }
  return {
    contender: contender.name,
    podsPerSecondUp: (pods * 1000) / upMs,
    podsPerSecondDown: (pods * 1000) / downMs,
    cpuMsPerPodUp: (full.cpu - idle.cpu) / pods,
    cpuMsPerPodDown: (empty.cpu - full.cpu) / pods,
    serverCpuMsPerPodUp: (full.server - idle.server) / pods,
    serverCpuMsPerPodDown: (empty.server - full.server) / pods,
    residentMib: resident,
    ...(latency === undefined ? {} : { latency }),
    writesUp: perPod(writesSince(idle.writes, full.writes), pods, 'POST pods'),
    writesDown: perPod(writesSince(full.writes, empty.writes), pods, 'DELETE pods'),
  }
}

async function pacedLatency(
  cluster: Cluster,
  node: string,
  { pacedPods, pacedPerSecond }: MeasureOptions,
): Promise<Measurement['latency']> {
  if (pacedPods === 0) return undefined
  const latencies = await runPods(cluster, { node, count: pacedPods, perSecond: pacedPerSecond })
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
}

async function runPods(
  cluster: Cluster,
  options: { readonly node: string; readonly count: number; readonly perSecond?: number },
): Promise<readonly number[]> {
  await using load = new PodLoad(cluster, options)
  await load.start()
  await load.up()
  const latencies = load.latencies()
  await load.down()
  return latencies
}

/** The value below which this share of sorted values lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Divides by the pods, after taking away one request per pod that the generator itself sent. */
function perPod(writes: Map<string, number>, pods: number, own: string): Map<string, number> {
  writes.set(own, (writes.get(own) ?? 0) - pods)
  const shares = [...writes].map(([kind, count]) => [kind, count / pods] as const)
  return new Map(shares.filter(([kind, share]) => share > 0 && !kind.includes('leases')))
}
