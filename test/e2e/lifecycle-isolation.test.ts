// SPDX-License-Identifier: Apache-2.0
//
// Pods on host processes in sandboxes: volumes where the manifest wants them, a root, processes and names of
// their own, what they share and what they cannot get at; kill -9 of their node at any moment.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PodSpec } from '../../src/kube/types.gen.ts'
import { noSandbox } from '../support/sandbox-world.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { eventually } from './eventually.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider } from './scenario-provider.ts'
import { scaled } from './scenario-size.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const KILLS = scaled(5, 2)
/** A life of the pod that is killed lasts about so long. */
const LIFE_MS = 1500

const isRoot = process.getuid?.() === 0

/** Programs without a root of their own see everything; they are named after what is on the host. */
const once = (script: string, spec: Partial<PodSpec> = {}): Partial<PodSpec> => ({
  restartPolicy: 'Never',
  ...spec,
  containers: spec.containers ?? [shell(script)],
})

const skip = skipReason || provider.without.hostProcesses || noSandbox

describe('pods in sandboxes', { skip }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  let node: VirtualKubelet

  const start = async (): Promise<VirtualKubelet> =>
    await startProcessNode(cluster(), {
      nodeIp: node?.nodeIp ?? cluster().addAddress(),
      config: { isolation: 'bubblewrap', hostPathPrefixes: [shared()] },
    })

  before(async () => {
    node = await start()
  })

  const output = async (name: string, spec: Partial<PodSpec>): Promise<string> => {
    await pods.create({ name, spec })
    await pods.untilPhase(name, 'Succeeded')
    return await pods.logs(name)
  }

  test('volumes are at their mount paths, beside what the host has there, and nothing is left on the host', async () => {
    await cluster().create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings' },
      data: { key: 'value' },
    })
    const volumes = [
      { name: 'config', configMap: { name: 'settings' } },
      { name: 'scratch', emptyDir: {} },
    ]
    const volumeMounts = [
      { name: 'config', mountPath: '/etc/vk-app/config' },
      { name: 'config', mountPath: '/usr/share/vk-file', subPath: 'key' },
      { name: 'scratch', mountPath: '/scratch' },
      { name: 'scratch', mountPath: '/fixed', readOnly: true },
    ]
    const script =
      'cat /etc/vk-app/config/key /usr/share/vk-file; echo x >/scratch/x && cat /fixed/x; ' +
      'touch /fixed/y 2>/dev/null || echo fixed; ls /etc/passwd; ' +
      'ls /var/run/secrets/kubernetes.io/serviceaccount; echo bye >/dev/termination-log'
    const text = await output('files', {
      restartPolicy: 'Never',
      volumes,
      containers: [shell(script, { volumeMounts })],
    })
    assert.equal(text, 'valuevaluex\nfixed\n/etc/passwd\nca.crt\nnamespace\ntoken\n')
    const message = stateOf(await pods.get('files'))?.terminated?.message
    assert.equal(message, 'bye\n')
    const places = ['/etc/vk-app', '/usr/share/vk-file', '/scratch', '/fixed']
    assert.deepEqual(
      places.filter((place) => existsSync(place)),
      [],
    )
  })

  test('a container has processes, a name, memory and a root of its own', async () => {
    const script =
      'hostname; ls /proc | grep -c "^[0-9]"; ls -A /home /root /run | grep -c vk-; ' +
      `ls ${node.rootDir} 2>&1 | grep -c 'No such'; touch /tmp/a /dev/shm/b && echo writes; ` +
      'touch /etc/vk 2>/dev/null || echo fixed; exit 0'
    const text = await output('own', once(script))
    assert.match(text, /^own\n\d\n0\n1\nwrites\nfixed\n$/)
  })

  test(
    'memory is a volume of its size, shared by the containers of a pod',
    { skip: !isRoot },
    async () => {
      const volumes = [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]
      const volumeMounts = [{ name: 'm', mountPath: '/m' }]
      const write = shell(
        'head -c 3000000 /dev/zero >/m/large 2>/dev/null; echo one >/m/file; rm /m/large; echo one >/m/file',
        {
          name: 'init',
          volumeMounts,
        },
      )
      const text = await output('memory', {
        restartPolicy: 'Never',
        volumes,
        initContainers: [write],
        containers: [shell('cat /m/file; df -k /m | tail -1', { volumeMounts })],
      })
      assert.match(text, /^one\n\S+ +1024 /)
      await pods.end('memory')
      const isMounted = (): boolean =>
        readFileSync('/proc/mounts', 'utf8').includes(`${node.rootDir}/nodes/`)
      await eventually(() => !isMounted(), { what: 'the memory to be given back' })
    },
  )

  test("a pod of Pod Security's restricted level runs, with its system calls filtered", async () => {
    const securityContext = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    }
    const script = 'grep Seccomp: /proc/self/status; unshare -U true 2>/dev/null || echo refused'
    const text = await output('restricted', {
      restartPolicy: 'Never',
      securityContext: isRoot ? { runAsNonRoot: true } : {},
      containers: [shell(script, { securityContext })],
    })
    assert.equal(text, 'Seccomp:\t2\nrefused\n')
  })

  test('what a pod may not have is refused or kept away', async () => {
    const path = join(shared(), 'data')
    mkdirSync(path)
    const volumes = [{ name: 'v', hostPath: { path } }]
    const attack = [{ name: 'v', mountPath: '/usr/bin' }]
    await pods.create({
      name: 'attack',
      spec: once('id', { volumes, containers: [shell('id', { volumeMounts: attack })] }),
    })
    const why = async (): Promise<string> =>
      stateOf(await pods.get('attack'))?.waiting?.message ?? ''
    await eventually(async () => /it would take the place of/.test(await why()), {
      what: 'the pod to be told that its mount cannot be',
    })
    // What only the kernel refuses is told by the volume and its place as well.
    const long = [{ name: 'v', mountPath: `/${'n'.repeat(300)}` }]
    const container = shell('id', { volumeMounts: long })
    await pods.create({ name: 'long', spec: once('', { volumes, containers: [container] }) })
    const failed = await pods.untilPhase('long', 'Failed')
    const { reason, message = '' } = stateOf(failed)?.terminated ?? {}
    assert.equal(reason, 'StartError')
    assert.match(
      message,
      /^Cannot mount volume "v" at "\/n+…": (file )?name too long; choose a shorter mountPath$/,
    )
    const seen = await output(
      'peek',
      once(
        `ls /proc/1/root/root 2>&1 | tail -1; cat /proc/[0-9]*/environ 2>/dev/null | grep -c KUBECONFIG=; exit 0`,
      ),
    )
    assert.match(seen, /Permission denied\n0\n$|\n0\n$/)
  })

  test(
    'kubectl exec and cp work inside, and debug sees the processes of its target',
    { skip: kubectlSkipReason || !isRoot },
    async () => {
      const volumes = [{ name: 'scratch', emptyDir: {} }]
      const volumeMounts = [{ name: 'scratch', mountPath: '/scratch' }]
      await pods.create({
        name: 'box',
        spec: { volumes, containers: [shell('exec sleep 100000', { volumeMounts })] },
      })
      await pods.untilPhase('box', 'Running')
      const file = join(shared(), 'file')
      writeFileSync(file, 'content')
      await cluster().kubectl(['cp', file, 'box:/scratch/file'])
      const { stdout } = await cluster().kubectl([
        'exec',
        'box',
        '--',
        'sh',
        '-c',
        'cat /scratch/file; hostname; cat /proc/1/comm',
      ])
      // What buries there, by whichever way the sandbox was made.
      assert.match(stdout, /^contentbox\n(sandbox|bwrap)\n$/)
      await cluster().kubectl([
        'debug',
        'box',
        '--image=host',
        '--target=main',
        '--container=debugger',
        '--',
        'sh',
        '-c',
        // The program is a shell a moment before it is what the shell becomes.
        'until tr "\\0" " " </proc/2/cmdline | grep "^sleep"; do sleep 0.1; done 2>/dev/null; sleep 1000',
      ])
      const seen = await eventually(
        async () => {
          const text = await pods.logs('box', { container: 'debugger' }).catch(() => '')
          return text.includes('\n') && text
        },
        { what: 'the debugger to see its target' },
      )
      assert.equal(seen, 'sleep 100000 \n')
      await pods.end('box')
    },
  )

  test('processes are shared where the pod says so', { skip: !isRoot }, async () => {
    const side = shell('exec sleep 64', { name: 'side', restartPolicy: 'Always' })
    await output('sharing', {
      restartPolicy: 'Never',
      shareProcessNamespace: true,
      initContainers: [side],
      containers: [
        // The pattern does not match itself.
        shell(
          'until cat /proc/*/cmdline | tr "\\0" " " | grep -q "[s]leep 64"; do sleep 0.1; done',
        ),
      ],
    })
  })

  test('kill -9 at any moment leads to the same end', async (t) => {
    const seed = Number(process.env['VK_TEST_SEED'] ?? 20_261_125)
    t.diagnostic(`VK_TEST_SEED=${seed}`)
    const random = seededRandom(seed)
    for (let round = 0; round < KILLS; round++) {
      const [name, file] = [`life-${round}`, `life-${round}`]
      const volumes = [{ name: 'v', hostPath: { path: shared() } }]
      const volumeMounts = [{ name: 'v', mountPath: '/out' }]
      const say = (text: string, more: object = {}) =>
        shell(`echo ${text} >>/out/${file}; sleep 0.2; exit 0`, { volumeMounts, ...more })
      await pods.create({
        name,
        spec: {
          restartPolicy: 'OnFailure',
          volumes,
          initContainers: [say('init', { name: 'init' })],
          containers: [
            shell(`echo main >>/out/${file}; sleep 0.3; test $$(grep -c main /out/${file}) = 2`, {
              volumeMounts,
            }),
          ],
        },
      })
      await sleep(random(LIFE_MS))
      node.kill('SIGKILL')
      await node.exited
      node = await start()
      const pod = await pods.untilPhase(name, 'Succeeded')
      assert.equal(readFileSync(join(shared(), file), 'utf8'), 'init\nmain\nmain\n', name)
      assert.equal(statusOf(pod, 'main')?.restartCount, 1, name)
    }
    rmSync(join(shared(), 'life-0'), { force: true })
  })
})
