// SPDX-License-Identifier: Apache-2.0
//
// What pods may use of their node, on host processes: local storage and what follows when it is exceeded.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { Node, Pod, PodSpec } from '../../src/kube/types.gen.ts'
import { detectCgroups, parseCgroupMounts } from '../../src/providers/process/detect-cgroups.ts'
import type { PodStats } from '../../src/provider/stats.ts'
import { eventually } from './eventually.ts'
import { pidsWithArgument, uniqueSleep } from './host-processes.ts'
import { conditionOf, Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

interface Summary {
  readonly pods: readonly PodStats[]
}

/** Writes two MiB into a file and stays. */
const hoard = (file: string): string =>
  `head -c 2097152 /dev/zero > ${file}; echo full; sleep 600 & wait`

/** Takes a hundred MB of memory once the file is there. */
const greedy = (file: string): string =>
  `until test -e "\${VK_VOLUME_SHARED:-/shared}/${file}"; do sleep 0.1; done; ` +
  'x=$(head -c 100000000 /dev/zero | tr "\\0" a); echo ${#x}'
const sharedMount = { name: 'shared', mountPath: '/shared' }

const evictedFor = (pod: Pod, message: string): void => {
  assert.equal(pod.status?.phase, 'Failed')
  assert.equal(pod.status.reason, 'Evicted')
  assert.equal(pod.status.message, message)
  // It broke its own limits: that is no disruption which a Job would forgive.
  assert.equal(conditionOf(pod, 'DisruptionTarget'), undefined)
  assert.equal(conditionOf(pod, 'Ready')?.status, 'False')
  assert.notEqual(stateOf(pod)?.terminated, undefined)
}

/** In sandboxes, as far as this machine can make such. */
const isolated = { isolation: 'auto' }

const noLimits =
  !detectCgroups('/virtual-kubelet', 'probe')?.can.limitMemory && 'no writable control groups'

/** Text of a file in the control group that the process is in. */
function cgroupFile(pid: number, controller: string, file: string): string {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')
  const line = groups
    .map((one) => one.split(':'))
    .find(([id, names = '']) => {
      return names.split(',').includes(controller) || (id === '0' && !isVersion1)
    })
  const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  const mount = mounts.find(({ version, controllers }) =>
    isVersion1 ? controllers.includes(controller) : version === 2,
  )
  return readFileSync(join(mount?.path ?? '', line?.[2] ?? '', file), 'utf8').trim()
}

const isVersion1 = existsSync('/sys/fs/cgroup/memory')

/** Millicores that the process may use; `of` is its own control group, or one above. */
function cpuLimitOf(pid: number, of = '.'): number {
  if (isVersion1) return Number(cgroupFile(pid, 'cpu', `${of}/cpu.cfs_quota_us`)) / 100
  return Number.parseInt(cgroupFile(pid, 'cpu', `${of}/cpu.max`), 10) / 100
}

function memoryLimitOf(pid: number, of = '.'): number {
  const file = isVersion1 ? 'memory.limit_in_bytes' : 'memory.max'
  return Number(cgroupFile(pid, 'memory', `${of}/${file}`))
}

describe('resources of a pod', { skip: skipReason, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  let node: VirtualKubelet

  before(async () => {
    const config = { ...isolated, hostPathPrefixes: [shared()] }
    node = await startProcessNode(cluster(), { config })
  })

  const sharedVolume = () => ({ name: 'shared', hostPath: { path: shared() } })

  const hoarder = (more: Partial<PodSpec> = {}): Partial<PodSpec> => ({
    volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Mi' } }],
    containers: [
      shell(hoard('${VK_VOLUME_DATA:-/data}/file'), {
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      }),
    ],
    ...more,
  })

  test('a pod whose emptyDir outgrows its sizeLimit is evicted, whatever its restartPolicy', async () => {
    await pods.create({ name: 'hoarder', spec: hoarder({ restartPolicy: 'Always' }) })
    const pod = await pods.untilPhase('hoarder', 'Failed')
    const message = 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". '
    evictedFor(pod, message)
    const event = await pods.untilEvent('hoarder', 'Evicted')
    assert.equal(event.type, 'Warning')
    assert.equal(event.message, message)
    const metrics = await cluster().api<string>(
      'GET',
      `/api/v1/nodes/${node.nodeName}/proxy/metrics`,
    )
    assert.match(metrics, /kubelet_evictions{eviction_signal="emptydirfs.limit"} 1/)
  })

  test('output counts against the ephemeral-storage limit of its container and its pod', async () => {
    const limit = (size: string) => ({ limits: { 'ephemeral-storage': size } })
    const loud = shell('head -c 2097152 /dev/zero | tr "\\\\0" x; echo; sleep 600 & wait', {
      name: 'loud',
      resources: limit('1Mi'),
    })
    const quiet = shell('sleep 600', { name: 'quiet', resources: limit('100Mi') })
    await pods.create(
      { name: 'loud', spec: { containers: [loud, quiet] } },
      { name: 'loud-alone', spec: { containers: [loud] } },
    )
    evictedFor(
      await pods.untilPhase('loud', 'Failed'),
      'Container loud exceeded its local ephemeral storage limit "1Mi". ',
    )
    evictedFor(
      await pods.untilPhase('loud-alone', 'Failed'),
      'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
    )
    assert.ok(!node.hasExited())
  })

  test('a container that takes more memory than its limit is killed, and its status says why', async (t) => {
    const reason = provider.without.outOfMemory || noLimits
    if (reason) return t.skip(reason)
    const resources = { limits: { memory: '16Mi' } }
    await pods.create({
      name: 'greedy',
      spec: {
        restartPolicy: 'Never',
        volumes: [sharedVolume()],
        containers: [shell(greedy('alone'), { resources, volumeMounts: [sharedMount] })],
      },
    })
    // An engine looks out for such ends from the moment that it calls the container started.
    await pods.untilPhase('greedy', 'Running')
    writeFileSync(join(shared(), 'alone'), '')
    const pod = await pods.untilPhase('greedy', 'Failed')
    const ended = stateOf(pod)?.terminated
    assert.deepEqual([ended?.reason, ended?.exitCode], ['OOMKilled', 137])
  })

  test('the node tells what pods use: processor, memory, output and volumes, those of claims too', async () => {
    const claimed = join(shared(), 'claimed')
    mkdirSync(claimed)
    chmodSync(claimed, 0o777)
    await bindClaim(claimed)
    const spend = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'
    await pods.create({
      name: 'measured',
      spec: {
        nodeName: node.nodeName,
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'kept', persistentVolumeClaim: { claimName: 'kept' } },
        ],
        containers: [
          shell(`${spend}; echo spent; ${hoard('${VK_VOLUME_DATA:-/data}/file')}`, {
            volumeMounts: [
              { name: 'data', mountPath: '/data' },
              { name: 'kept', mountPath: '/kept' },
            ],
          }),
        ],
      },
    })
    await pods.untilLogged('measured', /full/)
    const proxy = `/api/v1/nodes/${node.nodeName}/proxy`
    const labels = 'namespace="default",persistentvolumeclaim="kept"'
    // Figures are of a moment ago, and those of an engine come one after the other.
    await eventually(
      async () => {
        const { pods: all } = await cluster().api<Summary>('GET', `${proxy}/stats/summary`)
        assertMeasured(all.find(({ podRef }) => podRef.name === 'measured'))
        const metrics = await cluster().api<string>('GET', `${proxy}/metrics`)
        assert.match(metrics, new RegExp(`kubelet_volume_stats_capacity_bytes{${labels}} \\d+`))
        const resource = await cluster().api<string>('GET', `${proxy}/metrics/resource`)
        assert.match(
          resource,
          /pod_memory_working_set_bytes{namespace="default",pod="measured"} \d+/,
        )
        return true
      },
      { what: 'figures of the pod' },
    )
  })

  const assertMeasured = (pod: PodStats | undefined): void => {
    const [container] = pod?.containers ?? []
    assert.ok((container?.cpu?.usageCoreNanoSeconds ?? 0) > 0, 'processor')
    assert.ok((container?.memory?.workingSetBytes ?? 0) > 0, 'memory')
    assert.ok((container?.logs?.usedBytes ?? 0) > 0, 'output')
    if (!noLimits) assert.ok((pod?.process_stats?.process_count ?? 0) >= 2, 'processes')
    const volumes = new Map(pod?.volume?.map((volume) => [volume.name, volume]))
    assert.ok((volumes.get('data')?.usedBytes ?? 0) >= 2_097_152, 'volume')
    assert.equal(volumes.get('data')?.inodesUsed, 2)
    assert.deepEqual(volumes.get('kept')?.pvcRef, { name: 'kept', namespace: 'default' })
    assert.ok((pod?.['ephemeral-storage']?.usedBytes ?? 0) >= 2_097_152, 'storage')
  }

  const bindClaim = async (path: string): Promise<void> => {
    const accessModes = ['ReadWriteOnce']
    const size = { storage: '1Gi' }
    const { metadata } = await cluster().create<{ metadata: { uid: string } }>({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'kept' },
      spec: { accessModes, storageClassName: '', volumeName: 'pv', resources: { requests: size } },
    })
    const claimRef = {
      kind: 'PersistentVolumeClaim',
      namespace: 'default',
      name: 'kept',
      uid: metadata.uid,
    }
    await cluster().api('POST', '/api/v1/persistentvolumes', {
      body: {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'pv' },
        spec: { accessModes, capacity: size, claimRef, hostPath: { path }, storageClassName: '' },
      },
    })
    // The real plane's binder says so by itself; saying it twice does no harm.
    const claims = '/api/v1/namespaces/default/persistentvolumeclaims'
    await cluster().patch(`${claims}/kept/status`, { status: { phase: 'Bound' } })
  }

  test('resources of the pod as a whole bound its containers together', async (t) => {
    if (noLimits) return t.skip(noLimits)
    const amounts = { cpu: '500m', memory: '24Mi' }
    const seconds = uniqueSleep()
    await pods.create({
      name: 'whole',
      spec: {
        restartPolicy: 'Never',
        resources: { requests: amounts, limits: amounts },
        volumes: [sharedVolume()],
        containers: [
          shell(`sleep ${seconds} & wait`, { name: 'modest' }),
          shell(greedy('together'), { name: 'greedy', volumeMounts: [sharedMount] }),
        ],
      },
    })
    await pods.until('whole', (one) => stateOf(one, 'greedy')?.running, { what: 'run' })
    writeFileSync(join(shared(), 'together'), '')
    await eventually(() => pidsWithArgument(seconds).length > 0, { what: 'the process' })
    const [pid = 0] = pidsWithArgument(seconds)
    const score = readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()
    const own = readFileSync('/proc/self/oom_score_adj', 'utf8').trim()
    // Guaranteed, but not beyond the node itself, and on an engine never below nothing.
    const lowest = provider.isOnEngine ? 0 : -997
    assert.equal(Number(score), Math.max(lowest, Number(own)))
    const pod = await pods.until('whole', (one) => stateOf(one, 'greedy')?.terminated, {
      what: 'have a container less',
    })
    assert.equal(pod.status?.qosClass, 'Guaranteed')
    const ended = stateOf(pod, 'greedy')?.terminated
    const reason = provider.without.outOfMemory ? 'Error' : 'OOMKilled'
    assert.deepEqual([ended?.reason, ended?.exitCode], [reason, 137])
    assert.notEqual(stateOf(pod, 'modest')?.running, undefined)
    await pods.end('whole', { gracePeriodSeconds: 1 })
  })

  test('a pod as a whole is resized in place, down to its control group', async (t) => {
    if (noLimits) return t.skip(noLimits)
    const all = (cpu: string, memory: string) => ({
      requests: { cpu, memory },
      limits: { cpu, memory },
    })
    const seconds = uniqueSleep()
    const containers = [shell(`sleep ${seconds} & wait`)]
    await pods.create({ name: 'wide', spec: { resources: all('200m', '64Mi'), containers } })
    const running = await pods.untilPhase('wide', 'Running')
    assert.deepEqual(running.status?.resources, all('200m', '64Mi'))
    assert.deepEqual(running.status.allocatedResources, { cpu: '200m', memory: '64Mi' })
    await eventually(() => pidsWithArgument(seconds).length > 0, { what: 'the process' })
    const [pid = 0] = pidsWithArgument(seconds)
    const resources = all('300m', '96Mi')
    await cluster().api('PATCH', '/api/v1/namespaces/default/pods/wide/resize', {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { resources } },
    })
    const wider = await pods.until(
      'wide',
      (pod) => pod.status?.resources?.limits?.['memory'] === '96Mi',
      { what: 'have more memory' },
    )
    assert.deepEqual(wider.status?.resources, resources)
    assert.deepEqual(wider.status.allocatedResources, { cpu: '300m', memory: '96Mi' })
    assert.equal(statusOf(wider)?.restartCount, 0)
    await pods.untilEvent('wide', 'ResizeCompleted')
    assert.deepEqual([cpuLimitOf(pid, '..'), memoryLimitOf(pid, '..')], [300, 96 * 1024 * 1024])
    await pods.end('wide', { gracePeriodSeconds: 1 })
  })

  test('a running container is resized in place, down to its control group', async (t) => {
    if (noLimits) return t.skip(noLimits)
    const amounts = (cpu: string, memory: string) => ({ cpu, memory })
    const resourcesOf = (cpu: string, memory: string) => ({
      requests: amounts(cpu, memory),
      limits: amounts(cpu, memory),
    })
    const resizePolicy = [
      { resourceName: 'cpu', restartPolicy: 'NotRequired' },
      { resourceName: 'memory', restartPolicy: 'RestartContainer' },
    ]
    const seconds = uniqueSleep()
    const hostPid = (): number => pidsWithArgument(seconds)[0] ?? 0
    const sleeper = shell(`sleep ${seconds} & wait`, {
      resources: resourcesOf('100m', '64Mi'),
      resizePolicy,
    })
    await pods.create({ name: 'elastic', spec: { containers: [sleeper] } })
    const running = await pods.untilPhase('elastic', 'Running')
    assert.deepEqual(statusOf(running)?.resources, resourcesOf('100m', '64Mi'))
    assert.deepEqual(statusOf(running)?.allocatedResources, amounts('100m', '64Mi'))
    assert.deepEqual(running.status?.resources, resourcesOf('100m', '64Mi'))
    assert.deepEqual(running.status.allocatedResources, amounts('100m', '64Mi'))
    await eventually(() => hostPid() > 0, { what: 'the process' })
    const pid = hostPid()
    assert.equal(cpuLimitOf(pid), 100)

    await resize('elastic', resourcesOf('250m', '64Mi'))
    const faster = await pods.until(
      'elastic',
      (pod) => statusOf(pod)?.resources?.limits?.['cpu'] === '250m',
      {
        what: 'have more CPU',
      },
    )
    assert.equal(statusOf(faster)?.restartCount, 0)
    assert.equal(faster.status?.observedGeneration, faster.metadata.generation)
    assert.equal(faster.status?.resources?.limits?.['cpu'], '250m')
    assert.equal(cpuLimitOf(pid), 250)
    const { message: completed = '' } = await pods.untilEvent('elastic', 'ResizeCompleted')
    const summary =
      '{"containers":[{"name":"main","resources":{"limits":{"cpu":"250m","memory":"64Mi"},"requests":{"cpu":"250m","memory":"64Mi"}}}],"generation":2}'
    assert.equal(completed, `Pod resize completed: ${summary}`)
    const { message: started = '' } = await pods.untilEvent('elastic', 'ResizeStarted')
    assert.equal(started, `Pod resize started: ${summary}`)

    await resize('elastic', resourcesOf('250m', '96Mi'))
    const larger = await pods.until('elastic', (pod) => statusOf(pod)?.restartCount === 1, {
      what: 'be started anew',
    })
    await pods.until(
      'elastic',
      (pod) => stateOf(pod)?.running && conditionOf(pod, 'PodResizeInProgress') === undefined,
      {
        what: 'be through',
      },
    )
    assert.equal(statusOf(larger)?.allocatedResources?.['memory'], '96Mi')
    await eventually(() => hostPid() > 0 && hostPid() !== pid, { what: 'the next process' })
    assert.equal(memoryLimitOf(hostPid()), 96 * 1024 * 1024)
  })

  test('a resize waits for room, and gets it when another pod ends; less memory than is in use is refused', async (t) => {
    if (noLimits) return t.skip(noLimits)
    const config = { ...isolated, capacity: { cpu: '1' } }
    await startProcessNode(cluster(), { nodeName: 'small', kubeletPort: 10_253, config })
    const asking = (name: string, cpu: string, limits: Readonly<Record<string, string>> = {}) => ({
      name,
      spec: {
        nodeName: 'small',
        containers: [shell('exec sleep 600', { resources: { requests: { cpu }, limits } })],
      },
    })
    await pods.create(asking('waits', '500m', { memory: '64Mi' }), asking('holds', '400m'))
    await pods.untilPhase('waits', 'Running')
    await pods.untilPhase('holds', 'Running')
    await resize('waits', { requests: { cpu: '800m' }, limits: { memory: '64Mi' } })
    const pending = await pods.until('waits', (pod) => conditionOf(pod, 'PodResizePending'), {
      what: 'wait',
    })
    const condition = conditionOf(pending, 'PodResizePending')
    assert.equal(condition?.reason, 'Deferred')
    assert.equal(
      condition.message,
      "Node didn't have enough resource: cpu, requested: 800, used: 400, capacity: 1000",
    )
    assert.equal(statusOf(pending)?.allocatedResources?.['cpu'], '500m')
    await pods.delete('holds', { gracePeriodSeconds: 1 })
    const granted = await pods.until(
      'waits',
      (pod) => statusOf(pod)?.allocatedResources?.['cpu'] === '800m',
      {
        what: 'be granted',
      },
    )
    assert.equal(statusOf(granted)?.restartCount, 0)
    await pods.until('waits', (pod) => conditionOf(pod, 'PodResizePending') === undefined, {
      what: 'wait no longer',
    })
    await resize('waits', { requests: { memory: '64Ki' }, limits: { memory: '64Ki' } })
    // A figure of an engine may be late; then it is tried again.
    const why =
      /^cannot decrease memory limits: attempting to set container "main" memory limit \(65536\) below current usage \(\d+\)$/
    const failed = await pods.until(
      'waits',
      (pod) => {
        const { reason, message = '' } = conditionOf(pod, 'PodResizeInProgress') ?? {}
        return reason === 'Error' && why.test(message)
      },
      { what: 'fail for want of memory' },
    )
    assert.equal(statusOf(failed)?.resources?.limits?.['memory'], '64Mi')
  })

  const resize = async (name: string, resources: object): Promise<void> =>
    await cluster().api('PATCH', `/api/v1/namespaces/default/pods/${name}/resize`, {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { containers: [{ name: 'main', resources }] } },
    })

  test('a node keeps back what is reserved, and refuses what no longer fits', async () => {
    const args = ['--system-reserved', 'memory=1Gi', '--kube-reserved', 'memory=512Mi,cpu=100m']
    await startProcessNode(cluster(), { nodeName: 'reserved', kubeletPort: 10_251, args })
    const { status } = await cluster().api<Node>('GET', '/api/v1/nodes/reserved')
    const [capacity, allocatable] = [status?.capacity ?? {}, status?.allocatable ?? {}]
    const kibibytes = (text = ''): number =>
      Number.parseInt(text, 10) * (text.endsWith('Mi') ? 1024 : 1)
    const reserved = kibibytes(capacity['memory']) - kibibytes(allocatable['memory'])
    assert.equal(reserved, 1536 * 1024)
    assert.equal(allocatable['pods'], capacity['pods'])
    const resources = { requests: { memory: `${kibibytes(capacity['memory']) - 1024}Ki` } }
    const spec = { nodeName: 'reserved', containers: [shell('true', { resources })] }
    await pods.create({ name: 'large', spec })
    const pod = await pods.untilPhase('large', 'Failed')
    assert.equal(pod.status?.reason, 'OutOfmemory')
    assert.match(
      pod.status.message ?? '',
      /^Pod was rejected: Node didn't have enough resource: memory, requested: \d+, used: 0, capacity: \d+$/,
    )
  })

  test('a node that is short of disk says so, evicts, and takes no more pods', async () => {
    const nodeName = 'short'
    const options = { nodeName, kubeletPort: 10_252 }
    const before = await startProcessNode(cluster(), options)
    await pods.create({ name: 'early', spec: { nodeName, containers: [shell('sleep 600')] } })
    await pods.untilPhase('early', 'Running')
    before.kill('SIGKILL')
    await before.exited
    // No machine has this much left. The pod was taken on before, so that it cannot be refused.
    const args = ['--eviction-hard', 'nodefs.available<1Ei']
    await startProcessNode(cluster(), { ...options, nodeIp: before.nodeIp, args })
    const pod = await pods.untilPhase('early', 'Failed')
    assert.equal(pod.status?.reason, 'Evicted')
    const left = String.raw`The node was low on resource: ephemeral-storage\. Threshold quantity: 1Ei, available: \w+\. `
    assert.match(pod.status.message ?? '', new RegExp(`^${left}`))
    const disruption = conditionOf(pod, 'DisruptionTarget')
    assert.equal(disruption?.reason, 'TerminationByKubelet')
    const node = await eventually(
      async () => {
        const one = await cluster().api<Node>('GET', `/api/v1/nodes/${nodeName}`)
        return conditionOf(one, 'DiskPressure')?.status === 'True' ? one : undefined
      },
      { what: 'the node to report pressure' },
    )
    assert.equal(conditionOf(node, 'DiskPressure')?.reason, 'KubeletHasDiskPressure')
    assert.equal(conditionOf(node, 'Ready')?.status, 'True')
    assert.equal(node.status?.allocatable?.['ephemeral-storage'], '0')
    await pods.create({ name: 'refused', spec: { nodeName, containers: [shell('true')] } })
    const refused = await pods.untilPhase('refused', 'Failed')
    assert.equal(refused.status?.reason, 'Evicted')
    assert.equal(
      refused.status.message,
      'Pod was rejected: The node had condition: [DiskPressure]. ',
    )
  })
})
