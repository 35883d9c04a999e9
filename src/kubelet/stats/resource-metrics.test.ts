// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerStats, PodStats } from '../../provider/stats.ts'
import { renderResourceMetrics } from './resource-metrics.ts'

const time = '2026-01-01T00:00:10.250Z'
const at = Date.parse(time)
const startTime = '2026-01-01T00:00:01Z'

function container(name: string, cpuNs?: number, memoryBytes?: number): ContainerStats {
  return {
    name,
    startTime,
    ...(cpuNs !== undefined && { cpu: { time, usageCoreNanoSeconds: cpuNs } }),
    ...(memoryBytes !== undefined && { memory: { time, workingSetBytes: memoryBytes } }),
  }
}

function pod(containers: readonly ContainerStats[], more: Partial<PodStats> = {}): PodStats {
  return { podRef: { name: 'p', namespace: 'n', uid: 'u' }, startTime, containers, ...more }
}

function samples(pods: readonly PodStats[]): readonly string[] {
  const text = renderResourceMetrics({ node: { startTime }, pods })
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('a running container has its usage with a time and its start without', () => {
  const labels = 'namespace="n",pod="p",container="c"'
  assert.deepEqual(samples([pod([container('c', 2_500_000_000, 1024)])]), [
    `container_cpu_usage_seconds_total{${labels}} 2.5 ${at}`,
    `container_memory_working_set_bytes{${labels}} 1024 ${at}`,
    `container_start_time_seconds{${labels}} 1767225601`,
    `pod_cpu_usage_seconds_total{namespace="n",pod="p"} 2.5 ${at}`,
    `pod_memory_working_set_bytes{namespace="n",pod="p"} 1024 ${at}`,
    'resource_scrape_error 0',
  ])
})

test('an idle container is kept as long as it ever used anything', () => {
  const [cpu] = samples([pod([container('c', 1, 1)])])
  assert.equal(
    cpu,
    `container_cpu_usage_seconds_total{namespace="n",pod="p",container="c"} 1e-9 ${at}`,
  )
})

test('a container without both figures, or with a zero, is left out whole', () => {
  for (const partial of [
    container('c'),
    container('c', 1),
    container('c', undefined, 1),
    container('c', 0, 1),
    container('c', 1, 0),
    { ...container('c', 1, 1), cpu: { time: 'never', usageCoreNanoSeconds: 1 } },
  ]) {
    assert.deepEqual(samples([pod([partial])]), ['resource_scrape_error 0'])
  }
})

test("a pod's own figures go before the sum of its containers", () => {
  const cpu = { time, usageCoreNanoSeconds: 9e9 }
  const memory = { time, workingSetBytes: 7 }
  const own = samples([pod([container('c', 1e9, 1)], { cpu, memory })])
  assert.ok(own.includes(`pod_cpu_usage_seconds_total{namespace="n",pod="p"} 9 ${at}`))
  const sum = samples([pod([container('c', 1e9, 1), container('d', 2e9, 2)])])
  assert.ok(sum.includes(`pod_cpu_usage_seconds_total{namespace="n",pod="p"} 3 ${at}`))
  assert.ok(sum.includes(`pod_memory_working_set_bytes{namespace="n",pod="p"} 3 ${at}`))
  const partly = samples([pod([container('c', 1e9, 1), container('d')])])
  assert.ok(!partly.some((line) => line.startsWith('pod_')))
})

test('each family has its help and type before its samples', () => {
  const node = {
    startTime,
    cpu: { time, usageCoreNanoSeconds: 3e9 },
    memory: { time, workingSetBytes: 5 },
  }
  const lines = renderResourceMetrics({ node, pods: [] }).split('\n')
  assert.match(lines[0] ?? '', /^# HELP node_cpu_usage_seconds_total \[STABLE\] /)
  assert.equal(lines[1], '# TYPE node_cpu_usage_seconds_total counter')
  assert.equal(lines[2], `node_cpu_usage_seconds_total 3 ${at}`)
  assert.equal(lines[5], `node_memory_working_set_bytes 5 ${at}`)
  assert.equal(lines.at(-1), '')
})

test('figures that could not be read are marked', () => {
  for (const input of [
    { node: undefined, pods: [] },
    { node: { startTime }, pods: undefined },
  ]) {
    assert.match(renderResourceMetrics(input), /^resource_scrape_error 1$/m)
  }
})
