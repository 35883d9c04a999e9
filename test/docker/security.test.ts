// SPDX-License-Identifier: Apache-2.0
//
// What a container may do and how much it gets, as the kernel sees it from inside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, PodSpec } from '../../src/kube/types.gen.ts'
import type { ObservedPod } from '../../src/provider/provider.ts'
import {
  ProviderFixture,
  firstContainer,
  refOf,
  requestFor,
} from '../../src/testing/provider-fixture.ts'
import { freePort } from '../e2e/free-port.ts'
import { outputOf } from './output-of.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

const hasEnded = ({ hasEnded: ended }: ObservedPod): boolean => ended

interface Case {
  readonly text: string
  readonly container?: Partial<Container>
  readonly spec?: Partial<PodSpec>
  readonly config?: object
}

describeEngines('security and resources', (engine) => {
  async function run({ text, container, spec, config }: Case): Promise<string> {
    await using fixture = await ProviderFixture.open(engine.options(config))
    const pod = fixture.pod(script(text, container), { restartPolicy: 'Never', ...spec })
    await fixture.create(pod)
    await fixture.until(pod, 'has ended', hasEnded)
    return await outputOf(fixture, pod)
  }

  test('users and groups are the ones asked for', async () => {
    const container = { securityContext: { runAsUser: 1000 } }
    const pod = { runAsGroup: 3000, supplementalGroups: [4000], fsGroup: 5000 }
    const output = await run({
      text: 'id -u; id -g; id -G',
      container,
      spec: { securityContext: pod },
    })
    const [user, group, groups = ''] = output.split('\n')
    assert.deepEqual([user, group], ['1000', '3000'])
    for (const one of ['3000', '4000', '5000']) assert.ok(groups.split(' ').includes(one), groups)
  })

  test('capabilities are dropped and added, and privileges are not gained', async () => {
    const show = 'grep -E "CapEff|NoNewPrivs" /proc/self/status | cut -f2'
    const none = {
      securityContext: { capabilities: { drop: ['ALL'] }, allowPrivilegeEscalation: false },
    }
    assert.equal(await run({ text: show, container: none }), '0000000000000000\n1\n')
    const one = { securityContext: { capabilities: { drop: ['ALL'], add: ['CAP_NET_RAW'] } } }
    assert.equal(await run({ text: show, container: one }), '0000000000002000\n0\n')
  })

  test('a root file system can be read-only, and volumes in it are not', async () => {
    const container = {
      securityContext: { readOnlyRootFilesystem: true },
      volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
    }
    const spec = { volumes: [{ name: 'scratch', emptyDir: {} }] }
    const text = 'touch /file 2>/dev/null || echo refused; touch /scratch/file && ls /scratch'
    assert.equal(await run({ text, container, spec }), 'refused\nfile\n')
  })

  test('limits are those of the control group', async () => {
    const resources = {
      requests: { cpu: '250m', memory: '32Mi' },
      limits: { cpu: '500m', memory: '64Mi' },
    }
    const text = `
      if [ -e /sys/fs/cgroup/memory.max ]; then cat /sys/fs/cgroup/memory.max; cut -d" " -f1 /sys/fs/cgroup/cpu.max
      else cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us; fi
      cat /proc/self/oom_score_adj`
    const [memory, quota, score] = (await run({ text, container: { resources } })).split('\n')
    assert.deepEqual([memory, quota], [String(64 << 20), '50000'])
    assert.ok(Number(score) >= 2 && Number(score) < 1000, `oom_score_adj ${score}`)
  })

  test('a container that takes too much memory is killed, and it is said where the engine can tell', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const resources = { limits: { memory: '32Mi' } }
    const wait = 'until test -e /go; do sleep 0.05; done'
    const pod = fixture.pod(script(`${wait}; x=a; while :; do x=$x$x; done`, { resources }), {
      restartPolicy: 'Never',
    })
    // Docker looks out for such ends from the moment that it calls the container started.
    await fixture.run(pod)
    const choice = { stdin: false, stdout: true, stderr: true, tty: false }
    const options = { ...choice, command: ['touch', '/go'] }
    const touch = await fixture.provider.exec?.(refOf(pod), 'c0', options, fixture.context)
    const ended = await fixture.until(pod, 'has ended', hasEnded)
    await touch?.exited
    const { exitCode, reason = '' } = firstContainer(ended).state?.terminated ?? {}
    assert.equal(exitCode, 137)
    // Podman never says so, and control groups of version 1 count only in the container's own.
    assert.match(reason, engine.kind === 'docker' ? /^OOMKilled$/ : /^(Error|OOMKilled)$/)
  })

  test('a running container is resized in place', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const limits = (memory: string) => ({ resources: { limits: { cpu: '1', memory } } })
    const pod = fixture.pod(script(untilStopped, limits('64Mi')))
    await fixture.run(pod)
    const [container] = pod.spec.containers
    assert.ok(container)
    const larger = {
      ...pod,
      spec: { ...pod.spec, containers: [{ ...container, ...limits('96Mi') }] },
    }
    await fixture.provider.updatePod(requestFor(larger), fixture.context)
    const file = '/sys/fs/cgroup/memory/memory.limit_in_bytes'
    const command = ['sh', '-c', `cat /sys/fs/cgroup/memory.max ${file} 2>/dev/null`]
    const untilMs = performance.now() + fixture.timeoutMs
    for (;;) {
      const choice = { stdin: false, stdout: true, stderr: false, tty: false }
      const exec = await fixture.provider.exec?.(
        refOf(pod),
        'c0',
        { command, ...choice },
        fixture.context,
      )
      assert.ok(exec?.stdout)
      const chunks = await exec.stdout.toArray()
      if (
        Buffer.concat(chunks as Buffer[])
          .toString()
          .trim() === String(96 << 20)
      )
        break
      assert.ok(performance.now() < untilMs, 'it never got its new limit')
    }
    assert.equal(firstContainer((await fixture.observe(pod)) ?? assert.fail()).restartCount, 0)
  })

  test('safe sysctls are set, others refused', async () => {
    const sysctls = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '80' }]
    const text = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start'
    assert.equal(await run({ text, spec: { securityContext: { sysctls } } }), '80\n')
    const unsafe = [{ name: 'kernel.msgmax', value: '65536' }]
    await assert.rejects(
      run({ text, spec: { securityContext: { sysctls: unsafe } } }),
      /spec\.securityContext\.sysctls\[0\]: forbidden sysctl: "kernel\.msgmax" not allowlisted/,
    )
  })

  test("the host's namespaces and privileges are given only where the configuration allows it", async () => {
    const spec = { hostPID: true, hostNetwork: true }
    const allowed = { allowHostNamespaces: true, allowPrivileged: true }
    const text =
      'ps -o pid | wc -l; ls /sys/class/net | grep -c .; grep CapEff /proc/self/status | cut -f2'
    // Docker gives privileged containers every capability, and fails where it has not got them all itself.
    const isPrivileged = engine.kind === 'podman'
    const container = { securityContext: { privileged: isPrivileged } }
    const output = await run({ text, container, spec, config: allowed })
    const [processes, , capabilities] = output.split('\n')
    assert.ok(Number(processes) > 10)
    if (isPrivileged) assert.match(capabilities ?? '', /^00000[01]ff/)
    const add = { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }
    await assert.rejects(run({ text, container: add }), /SYS_ADMIN is not given to containers/)
  })

  test('a host port leads to the pod', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const hostPort = await freePort()
    const ports = [{ containerPort: 8000, hostPort, hostIP: '127.0.0.1' }]
    const serve = 'trap "exit 0" TERM; httpd -f -p 8000 -h /etc & wait'
    const pod = fixture.pod(script(serve, { ports }))
    await fixture.run(pod)
    const untilMs = performance.now() + fixture.timeoutMs
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${hostPort}/group`).catch(() => undefined)
      if (answer?.ok) break
      assert.ok(performance.now() < untilMs, 'nobody answers at the host port')
      await fixture.host.clock.sleep(100)
    }
  })
})
