// SPDX-License-Identifier: Apache-2.0
//
// How a pod is called and how it resolves names: what its containers find in /etc and hear from the kernel.
// On containers of an engine, or host processes in sandboxes of their own, as far as this machine can make such.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { Pod, PodSpec } from '../../src/kube/types.gen.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider, scenarioImage } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'
import { watchPod } from './pod-watch.ts'

const canSandbox = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-uts', 'true']).status === 0
const skip =
  skipReason ||
  (!canSandbox &&
    !provider.isOnEngine &&
    'bubblewrap cannot make sandboxes here: containers have no files of their own')

/** Prints these files one after the other, and the kernel's name of the machine. */
const printAll =
  'for f in hosts hostname resolv.conf; do echo "== $f"; cat /etc/$f; done; echo "== uname"; uname -n'

describe('the identity of a pod', { skip }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    const resolvConf = join(cluster().files.folder, 'resolv.conf')
    writeFileSync(resolvConf, 'nameserver 192.0.2.53\nsearch example.org.\noptions timeout:1\n')
    const dns = ['--cluster-dns', '10.96.0.10', '--cluster-domain', 'corp.test']
    const args = [...dns, '--resolv-conf', resolvConf]
    await startProcessNode(cluster(), { args, config: { isolation: 'bubblewrap' } })
  })

  /** What the pod prints of itself, by file. */
  async function found(name: string, spec: Partial<PodSpec> = {}) {
    const containers = [shell(printAll)]
    await pods.create({ name, spec: { restartPolicy: 'Never', containers, ...spec } })
    const pod = await pods.untilPhase(name, 'Succeeded')
    const parts = (await pods.logs(name)).split(/^== (.*)\n/m).slice(1)
    const files = Object.fromEntries(
      parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1]]] : [])),
    )
    return { files, podIP: pod.status?.podIP ?? '' }
  }

  test('a pod finds its name and address, and the resolver of the cluster', async () => {
    const { files, podIP } = await found('plain')
    assert.match(
      files['hosts'] ?? '',
      /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/,
    )
    assert.ok(files['hosts']?.endsWith(`\n${podIP}\tplain\n`), files['hosts'])
    assert.equal(files['hostname'], 'plain\n')
    assert.equal(files['uname'], 'plain\n')
    assert.equal(
      files['resolv.conf'],
      'search default.svc.corp.test svc.corp.test corp.test example.org\n' +
        'nameserver 10.96.0.10\noptions ndots:5\n',
    )
  })

  test('hostname, subdomain, the full name and aliases are as the pod asks for them', async () => {
    const { files, podIP } = await found('named', {
      hostname: 'db-0',
      subdomain: 'db',
      setHostnameAsFQDN: true,
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['seven', 'seven.test'] }],
    })
    const full = 'db-0.db.default.svc.corp.test'
    assert.ok(files['hosts']?.includes(`\n${podIP}\t${full}\tdb-0\n`), files['hosts'])
    assert.ok(files['hosts']?.endsWith('HostAliases.\n192.0.2.7\tseven\tseven.test\n'))
    assert.deepEqual([files['hostname'], files['uname']], [`${full}\n`, `${full}\n`])
  })

  test('dnsPolicy chooses the resolver, and dnsConfig adds to it', async () => {
    const node = 'search example.org\nnameserver 192.0.2.53\noptions timeout:1\n'
    const own = {
      nameservers: ['192.0.2.54'],
      searches: ['own.test'],
      options: [{ name: 'timeout', value: '2' }, { name: 'rotate' }],
    }
    const resolvers = await Promise.all([
      found('dns-default', { dnsPolicy: 'Default' }),
      found('dns-none', { dnsPolicy: 'None', dnsConfig: own }),
      found('dns-added', { dnsPolicy: 'Default', dnsConfig: own }),
      found('dns-host', { hostNetwork: true }),
    ])
    assert.deepEqual(
      resolvers.map(({ files }) => files['resolv.conf']),
      [
        node,
        'search own.test\nnameserver 192.0.2.54\noptions timeout:2 rotate\n',
        'search example.org own.test\nnameserver 192.0.2.53\nnameserver 192.0.2.54\noptions timeout:2 rotate\n',
        node,
      ],
    )
  })

  test("on the host's network a pod has the names of the host", async () => {
    const { files } = await found('on-host', { hostNetwork: true })
    assert.match(files['hosts'] ?? '', /^# Kubernetes-managed hosts file \(host network\)\.\n/)
    assert.equal(files['uname'], `${hostname()}\n`)
  })

  test('too many servers are cut, and the pod is told', async () => {
    const nameservers = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
    const { files } = await found('crowded', { dnsConfig: { nameservers } })
    assert.equal(files['resolv.conf']?.match(/^nameserver /gm)?.length, 3)
    const why = /the applied nameserver line is: 10\.96\.0\.10 192\.0\.2\.1 192\.0\.2\.2$/
    await pods.untilEvent('crowded', 'DNSConfigForming', why)
  })

  test('a full name that is too long keeps the pod from its sandbox, and says so', async () => {
    const spec = {
      hostname: 'h'.repeat(40),
      subdomain: 'db',
      setHostnameAsFQDN: true,
      containers: [shell('true')],
    }
    await pods.create({ name: 'too-long', spec })
    const why = /is too long \(64 characters is the max, 65 characters requested\)/
    await pods.untilEvent('too-long', 'FailedCreatePodSandBox', why)
    await pods.end('too-long', { gracePeriodSeconds: 0 })
  })

  test('a container leaves its last words in a file of its own', async () => {
    const script = (text: string) => `echo "${text}" > $WHERE; exit 3`
    const container = (name: string, path: string) =>
      shell(script(`gone ${name}`), {
        name,
        terminationMessagePath: path,
        env: [{ name: 'WHERE', value: path }],
      })
    const containers = [
      container('main', '/dev/termination-log'),
      container('other', '/tmp/last/words'),
    ]
    await pods.create({ name: 'last-words', spec: { restartPolicy: 'OnFailure', containers } })
    using watch = await watchPod(cluster(), 'last-words')
    const last = (state: Pod, name: string) =>
      state.status?.containerStatuses?.find((one) => one.name === name)?.lastState?.terminated
    const again = await watch.until(
      (state) => last(state, 'main') && last(state, 'other'),
      'have started again',
    )
    assert.equal(last(again, 'main')?.message, 'gone main\n')
    assert.equal(last(again, 'other')?.message, 'gone other\n')
    await pods.end('last-words', { gracePeriodSeconds: 1 })
  })

  test(
    'kubectl debug with its defaults looks into the processes of its target',
    { skip: kubectlSkipReason },
    async () => {
      await pods.create({ name: 'suspect', spec: { containers: [shell('sleep 1000')] } })
      await pods.untilPhase('suspect', 'Running')
      // The profile is the default of today's kubectl, not of older ones.
      const args = [
        'debug',
        '--profile=general',
        'suspect',
        `--image=${scenarioImage}`,
        '--target=main',
      ]
      // The pod runs a moment before its program does.
      const look = 'until ps -eo args | grep "[s]leep 1000"; do sleep 0.1; done'
      await cluster().kubectl([...args, '--container=look', '--', 'sh', '-c', look])
      await pods.until(
        'suspect',
        ({ status }) => status?.ephemeralContainerStatuses?.[0]?.state?.terminated,
        { what: 'have an ended debugger' },
      )
      const output = await pods.logs('suspect', { container: 'look' })
      // A shell with nothing else to do becomes its command.
      assert.match(output, /^(sh -c )?sleep 1000$/m)
      await pods.end('suspect', { gracePeriodSeconds: 1 })
    },
  )
})
