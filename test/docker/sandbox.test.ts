// SPDX-License-Identifier: Apache-2.0
//
// What a pod's containers share, how long they do, and what becomes of them when it breaks.
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { ObservedPod } from '../../src/provider/provider.ts'
import type { Pod } from '../../src/kube/types.gen.ts'
import { ProviderFixture, isRunning, refOf } from '../../src/testing/provider-fixture.ts'
import { outputOf } from './output-of.ts'
import { describeEngines, script, scriptIn, untilStopped } from './use-engine.ts'

const hasEnded = ({ hasEnded: ended }: ObservedPod): boolean => ended

describeEngines('the sandbox', (engine) => {
  test('containers of a pod share network and IPC, and with others nothing', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const show =
      'for n in net ipc; do readlink /proc/self/ns/$n; done; hostname; ip -4 -o addr show eth0'
    const pod = fixture.pod([script(show), script(show)], { restartPolicy: 'Never' })
    const other = fixture.pod(script(show), { restartPolicy: 'Never' })
    await Promise.all([fixture.create(pod), fixture.create(other)])
    const { podIPs } = await fixture.until(pod, 'has ended', hasEnded)
    await fixture.until(other, 'has ended', hasEnded)
    const outputs = [await outputOf(fixture, pod), await outputOf(fixture, pod, 'c1')]
    assert.equal(outputs[0], outputs[1])
    const [net, ipc, hostname, address] = outputs[0]?.split('\n') ?? []
    assert.equal(hostname, pod.metadata.name)
    assert.match(address ?? '', new RegExp(`inet ${podIPs[0]}/`))
    const [otherNet, otherIpc] = (await outputOf(fixture, other)).split('\n')
    assert.notEqual(otherNet, net)
    assert.notEqual(otherIpc, ipc)
  })

  test('processes are shared only where the pod says so', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const needle = script(`: needle; ${untilStopped}`)
    const shared = fixture.pod([script(untilStopped), needle], { shareProcessNamespace: true })
    const apart = fixture.pod([script(untilStopped), needle])
    await Promise.all([fixture.run(shared), fixture.run(apart)])
    const look = async (pod: Pod, container: string): Promise<string> => {
      const streams = { stdin: false, stdout: true, stderr: false, tty: false }
      const command = ['sh', '-c', 'ps -o pid,args | grep -c "[n]eedle"']
      const { provider, context } = fixture
      const exec = await provider.exec?.(refOf(pod), container, { command, ...streams }, context)
      assert.ok(exec?.stdout)
      return (await text(exec.stdout)).trim()
    }
    for (const [pod, container] of [
      [shared, 'c0'],
      [apart, 'c1'],
    ] as const) {
      const untilMs = performance.now() + fixture.timeoutMs
      while ((await look(pod, container)) === '0') {
        assert.ok(performance.now() < untilMs, `${container} does not see it`)
      }
    }
    assert.equal(await look(apart, 'c0'), '0')
  })

  test('memory volumes are shared by the containers of a pod, and bounded', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const volumes = [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]
    const volumeMounts = [{ name: 'm', mountPath: '/m' }]
    const fill = 'head -c 2000000 /dev/zero > /m/big 2>/m/why; wc -c < /m/big; df /m | tail -1'
    const pod = fixture.pod(scriptIn({ volumes }, `ls /m; ${fill}`, { volumeMounts }), {
      restartPolicy: 'Never',
      initContainers: [
        { name: 'first', ...script('echo from init > /m/file').container, volumeMounts },
      ],
    })
    await fixture.create(pod)
    await fixture.until(pod, 'has ended', hasEnded)
    const [file, size, df] = (await outputOf(fixture, pod)).split('\n')
    assert.equal(file, 'file')
    assert.ok(Number(size) < 1_048_576, `${size} bytes fit`)
    assert.match(df ?? '', /tmpfs +1024 /)
  })

  test('a pod that has ended holds no process, and its logs stay', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script('echo done'), { restartPolicy: 'Never' })
    await fixture.create(pod)
    await fixture.until(pod, 'has ended', hasEnded)
    const untilMs = performance.now() + fixture.timeoutMs
    for (;;) {
      const all = await engine.daemon.api.containers()
      if (all.every(({ State }) => State !== 'running')) break
      assert.ok(performance.now() < untilMs, `still running: ${JSON.stringify(all)}`)
      await fixture.host.clock.sleep(50)
    }
    assert.equal(await outputOf(fixture, pod), 'done\n')
  })

  test('a sandbox that somebody ends is made anew, and the containers in it', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(untilStopped))
    await fixture.run(pod)
    const sandbox = await engine.daemon.api.find(pod.metadata.name, 'POD')
    assert.ok(sandbox)
    await engine.daemon.api.call('POST', `/containers/${sandbox.Id}/kill?signal=KILL`)
    const again = await fixture.until(
      pod,
      'runs again',
      (observed) => isRunning(observed) && (observed.containers[0]?.restartCount ?? 0) > 0,
    )
    assert.equal(again.containers[0]?.restartCount, 1)
    assert.ok(fixture.events.some(({ reason }) => reason === 'SandboxChanged'))
  })

  test('a container that somebody removes is started again', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(untilStopped))
    await fixture.run(pod)
    const container = await engine.daemon.api.find(pod.metadata.name, 'c0')
    assert.ok(container)
    await engine.daemon.api.remove(container.Id)
    await fixture.until(
      pod,
      'runs again',
      (observed) => isRunning(observed) && (observed.containers[0]?.restartCount ?? 0) > 0,
    )
  })

  test('two nodes on one engine never take each other for their own', async () => {
    await using one = await ProviderFixture.open(engine.options())
    await using other = await ProviderFixture.open(engine.options())
    const [first, second] = [one.pod(script(untilStopped)), other.pod(script('exit 3'))]
    await Promise.all([one.run(first), other.create(second)])
    await other.until(second, 'was restarted', ({ containers }) => {
      return (containers[0]?.restartCount ?? 0) > 0
    })
    await one.restart()
    for (const [fixture, pod] of [
      [one, first],
      [other, second],
    ] as const) {
      const pods = await fixture.provider.listPods(fixture.context)
      assert.deepEqual(
        pods.map(({ ref }) => ref.uid),
        [pod.metadata.uid],
      )
    }
  })
})
