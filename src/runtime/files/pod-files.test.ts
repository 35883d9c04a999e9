// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { RuntimeWorld } from '../../../test/support/runtime-world.ts'
import type { NodeDns } from '../../provider/provider.ts'
import type { ContainerStart } from '../container-runtime.ts'

const mount = { volumes: { delivery: 'mount' } } as const
const dns: NodeDns = { clusterDomain: 'corp.test', clusterDNS: ['10.96.0.10'], resolvConf: '' }

async function read(start: ContainerStart | undefined, mountPath: string): Promise<string> {
  const found = start?.mounts.find((one) => one.mountPath === mountPath)
  assert.ok(found, `nothing is mounted at ${mountPath}`)
  return await readFile(found.hostPath, 'utf8')
}

test('a container finds its hosts, hostname and resolver, for all to read', async () => {
  await using world = await RuntimeWorld.open({}, mount)
  world.host = { dns }
  await world.restartAfterKill()
  const spec = { subdomain: 'web', hostAliases: [{ ip: '1.2.3.4', hostnames: ['db'] }] }
  await world.untilRunning(await world.create(buildPod({ spec })))
  const [start] = world.runtime.starts
  const hosts = await read(start, '/etc/hosts')
  assert.match(hosts, /^# Kubernetes-managed hosts file\.\n/)
  assert.match(hosts, /\n10\.1\.2\.3\tpod\.web\.ns\.svc\.corp\.test\tpod\n/)
  assert.match(hosts, /\n1\.2\.3\.4\tdb\n$/)
  assert.equal(await read(start, '/etc/hostname'), 'pod\n')
  assert.equal(start?.hostname, 'pod')
  assert.equal(
    await read(start, '/etc/resolv.conf'),
    'search ns.svc.corp.test svc.corp.test corp.test\nnameserver 10.96.0.10\noptions ndots:5\n',
  )
  for (const { name, hostPath, kind, mountPath } of start.mounts) {
    assert.deepEqual([name, kind], ['', 'file'])
    const expected = mountPath === '/dev/termination-log' ? 0o666 : 0o644
    assert.equal((await stat(hostPath)).mode & 0o777, expected, mountPath)
  }
})

test('what a container has mounted itself stays, however it writes the path', async () => {
  await using world = await RuntimeWorld.open({}, mount)
  const volumeMounts = [
    { name: 'v', mountPath: '/etc/hosts', subPath: 'hosts' },
    { name: 'v', mountPath: '/etc//resolv.conf/', subPath: 'resolv' },
  ]
  const container = buildContainer({ volumeMounts })
  const spec = { containers: [container], volumes: [{ name: 'v', emptyDir: {} }] }
  world.runtime.features = { ...world.runtime.features, 'volume.emptyDir': true }
  await world.restartAfterKill()
  await world.untilRunning(await world.create(buildPod({ spec })))
  const paths = world.runtime.starts[0]?.mounts.map(({ name, mountPath }) => [name, mountPath])
  assert.deepEqual(paths, [
    ['v', '/etc/hosts'],
    ['v', '/etc//resolv.conf/'],
    ['', '/etc/hostname'],
    ['', '/dev/termination-log'],
  ])
})

test("on the host's network a pod has the node's hosts and name", async () => {
  await using world = await RuntimeWorld.open({}, mount)
  const spec = { hostNetwork: true, hostAliases: [{ ip: '1.2.3.4', hostnames: ['db'] }] }
  await world.untilRunning(await world.create(buildPod({ spec })))
  const [start] = world.runtime.starts
  const own = await readFile('/etc/hosts', 'utf8')
  const added = '\n# Entries added by HostAliases.\n1.2.3.4\tdb\n'
  assert.equal(
    await read(start, '/etc/hosts'),
    `# Kubernetes-managed hosts file (host network).\n${own}${added}`,
  )
  assert.equal(start?.hostname, undefined)
})

test('a restart puts back what was lost, and says nothing twice', async () => {
  await using world = await RuntimeWorld.open({}, mount)
  world.host = { dns: { ...dns, clusterDNS: [] } }
  await world.restartAfterKill()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  assert.equal(world.eventsOf('MissingClusterDNS').length, 2, 'one for the pod, one for the node')
  await world.restartAfterKill()
  await world.create(pod)
  await world.settle()
  assert.equal(world.eventsOf('MissingClusterDNS').length, 2)
  await rm(join(world.rootDir, 'pods', ref.uid, 'etc'), { recursive: true })
  world.runtime.exit({ pod: ref, name: 'main', attempt: 0 }, 1)
  await world.untilRunning(ref, 1)
  assert.match(await read(world.runtime.starts[1], '/etc/hosts'), /\tpod\n/)
  assert.match(await read(world.runtime.starts[1], '/etc/resolv.conf'), /^nameserver /m)
})

test('a full name that is too long keeps the pod from getting its sandbox', async () => {
  await using world = await RuntimeWorld.open()
  const name = 'n'.repeat(40)
  const spec = { subdomain: 'web', setHostnameAsFQDN: true }
  await world.create(buildPod({ metadata: { name }, spec }))
  await world.eventually(() => world.eventsOf('FailedCreatePodSandBox').length > 0)
  const full = `${name}.web.ns.svc.cluster.local`
  assert.deepEqual(world.eventsOf('FailedCreatePodSandBox'), [
    'Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, ' +
      `FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`,
  ])
  assert.equal(world.runtime.starts.length, 0)
})

test('a runtime that mounts nothing gets no files', async () => {
  await using world = await RuntimeWorld.open()
  await world.untilRunning(await world.create(buildPod({ spec: { subdomain: 'web' } })))
  assert.deepEqual(world.runtime.starts[0]?.mounts, [])
  assert.equal(world.runtime.starts[0].hostname, 'pod')
})
