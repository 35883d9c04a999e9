// SPDX-License-Identifier: Apache-2.0
// The metrics of a kubelet beside /metrics/resource, by their usual names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKubelet } from '../../../test/support/kubelet-fixture.ts'
import { podWith, stubNode } from '../../../test/support/kubelet-stubs.ts'
import { Metrics } from '../../observe/metrics.ts'
import type { PodStats } from '../../provider/stats.ts'

const time = '2026-01-01T00:00:10.000Z'
const atMs = Date.parse(time)
const stats: PodStats = {
  podRef: { name: 'web', namespace: 'default', uid: 'uid-web' },
  startTime: time,
  containers: [
    {
      name: 'c0',
      startTime: time,
      cpu: { time, usageCoreNanoSeconds: 1_500_000_000 },
      memory: { time, workingSetBytes: 4096, rssBytes: 1024 },
    },
  ],
  network: { time, name: 'eth0', rxBytes: 7 },
}
const running = { state: { running: {} }, containerID: 'process://abc', image: 'host' }

test('/metrics has the names of a kubelet, for this node alone', async () => {
  const metrics = new Metrics()
  metrics.podStartDuration.observe({ node: 'node-1' }, 0.2)
  metrics.podStartDuration.observe({ node: 'other' }, 0.2)
  metrics.apiRequests.inc({ verb: 'list', resource: 'pods', code: '200' }, 2)
  metrics.apiRequests.inc({ verb: 'get', resource: 'nodes', code: '200' })
  const pods = [
    podWith('web', [running, { state: { waiting: {} } }]),
    podWith('done', [{ state: { terminated: { exitCode: 0 } } }]),
  ]
  await using kubelet = await startKubelet({ node: stubNode(pods), metrics })
  const { body, headers } = await kubelet.ask({ path: '/metrics' })
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'kubelet_node_name{node="node-1"} 1',
    'kubelet_running_pods 1',
    'kubelet_running_containers{container_state="running"} 1',
    'kubelet_running_containers{container_state="created"} 1',
    'kubelet_running_containers{container_state="exited"} 1',
    'kubelet_pod_start_duration_seconds_count 1',
    'kubelet_pod_start_duration_seconds_bucket{le="0.25"} 1',
    'rest_client_requests_total{code="200",host="localhost",method="GET"} 3',
    'vk_api_requests_total{verb="list",resource="pods",code="200"} 2',
  ]) {
    assert.ok(body.split('\n').includes(line), line)
  }
  assert.match(body, /^kubernetes_build_info\{git_version="v0.0.0",major="0",minor="0",/m)
  assert.match(body, /^process_cpu_seconds_total \d/m)
  assert.match(body, /^process_resident_memory_bytes \d{7,}$/m)
  assertWellFormed(body)
})

test('/metrics/cadvisor tells of containers what their backend measures and their specs limit', async () => {
  const web = podWith('web', [running])
  const limits = { cpu: '500m', memory: '64Mi' }
  const pod = { ...web, spec: { containers: [{ name: 'c0', resources: { limits } }] } }
  const node = {
    ...stubNode([pod], { podStats: async () => [stats] }),
    capacity: () => ({ cpu: '2', memory: '1Gi' }),
  }
  await using kubelet = await startKubelet({ node })
  const { body } = await kubelet.ask({ path: '/metrics/cadvisor' })
  const labels = 'container="c0",id="abc",image="host",name="abc",namespace="default",pod="web"'
  for (const line of [
    `container_cpu_usage_seconds_total{${labels},cpu="total"} 1.5 ${atMs}`,
    `container_memory_working_set_bytes{${labels}} 4096 ${atMs}`,
    `container_memory_rss{${labels}} 1024 ${atMs}`,
    `container_start_time_seconds{${labels}} ${atMs / 1000}`,
    `container_spec_memory_limit_bytes{${labels}} 67108864`,
    `container_spec_cpu_quota{${labels}} 50000`,
    `container_spec_cpu_shares{${labels}} 512`,
    'machine_cpu_cores 2',
    'machine_memory_bytes 1073741824',
  ]) {
    assert.ok(sameLabels(body).includes(sameLabels(line)), `${line}\n${body}`)
  }
  assert.match(body, /^container_network_receive_bytes_total\{.*interface="eth0"\} 7$/m)
  assert.match(body, /^container_memory_working_set_bytes\{.*id="\/"/m)
  assertWellFormed(body)
})

test('/metrics/cadvisor has what can be read when the backend fails', async () => {
  const podStats = async (): Promise<never> => {
    throw new Error('no backend')
  }
  await using kubelet = await startKubelet({ node: stubNode([], { podStats }) })
  const reply = await kubelet.ask({ path: '/metrics/cadvisor' })
  assert.equal(reply.status, 200)
  assert.match(reply.body, /id="\/"/)
})

test('/metrics/slis counts the results of health checks', async () => {
  let failure: string | undefined
  const healthChecks = [{ name: 'syncloop', check: () => failure }]
  await using kubelet = await startKubelet({ healthChecks })
  await kubelet.ask({ path: '/healthz' })
  failure = 'stuck'
  await kubelet.ask({ path: '/healthz' })
  const { body } = await kubelet.ask({ path: '/metrics/slis' })
  assert.match(body, /^kubernetes_healthcheck\{name="syncloop",type="healthz"\} 0$/m)
  assert.match(body, /^kubernetes_healthcheck\{name="ping",type="healthz"\} 1$/m)
  const total = 'kubernetes_healthchecks_total{name="syncloop",type="healthz"'
  assert.ok(body.includes(`${total},status="success"} 1\n`))
  assert.ok(body.includes(`${total},status="error"} 1\n`))
  assert.match(
    (await kubelet.ask({ path: '/metrics/probes' })).body,
    /^process_start_time_seconds/m,
  )
})

test('/metrics/probes tells of probes as a kubelet does', async () => {
  const probeStats = () => [
    {
      podRef: { name: 'p', namespace: 'ns', uid: 'u' },
      container: 'main',
      kind: 'readiness' as const,
      successes: 3,
      failures: 2,
      seconds: 0.5,
      buckets: [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0],
    },
  ]
  await using kubelet = await startKubelet({ node: stubNode([], { probeStats }) })
  const { body } = await kubelet.ask({ path: '/metrics/probes' })
  assertWellFormed(body)
  const labels = 'container="main",namespace="ns",pod="p",probe_type="Readiness"'
  for (const line of [
    `prober_probe_total{${labels},pod_uid="u",result="successful"} 3`,
    `prober_probe_total{${labels},pod_uid="u",result="failed"} 2`,
    `prober_probe_duration_seconds_bucket{${labels},le="0.005"} 0`,
    `prober_probe_duration_seconds_bucket{${labels},le="0.1"} 1`,
    `prober_probe_duration_seconds_bucket{${labels},le="0.25"} 2`,
    `prober_probe_duration_seconds_bucket{${labels},le="+Inf"} 3`,
    `prober_probe_duration_seconds_sum{${labels}} 0.5`,
    `prober_probe_duration_seconds_count{${labels}} 3`,
  ]) {
    assert.ok(body.includes(`${line}\n`), line)
  }
})

/** Lines of a metric with the same labels, in whatever order. */
function sameLabels(text: string): string {
  return text.replaceAll(
    /\{(.*)\}/g,
    (_, labels: string) => `{${labels.split(',').toSorted().join(',')}}`,
  )
}

/** One HELP and one TYPE a name, before its samples, and nothing but numbers behind them. */
function assertWellFormed(body: string): void {
  const types = [...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
  assert.equal(new Set(types).size, types.length, 'a family that comes twice')
  for (const line of body.split('\n')) {
    if (line === '' || line.startsWith('# ')) continue
    assert.match(line, /^[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? (-?[\d.e+-]+|NaN|\+Inf)( \d+)?$/)
  }
}
