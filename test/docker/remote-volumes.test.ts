// SPDX-License-Identifier: Apache-2.0
//
// Volumes of pods on an engine of another machine: they come with the pod, are renewed while it runs, never
// half, and survive what breaks in between.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import type { Container, Pod } from '../../src/kube/types.gen.ts'
import {
  isRunning,
  refOf,
  requestFor,
  type ProviderFixture,
} from '../../src/testing/provider-fixture.ts'
import { outputOf } from './output-of.ts'
import { useElsewhere } from './tcp-relay.ts'
import { busyboxArchive } from './test-image.ts'
import { describeEngines, script, scriptIn, untilStopped } from './use-engine.ts'

type Content = Readonly<Record<string, string>>

const volumes = [{ name: 'config', configMap: { name: 'c' } }]
const volumeMounts = [{ name: 'config', mountPath: '/etc/deep/config' }]

/** Hands the pod over with a volume of these files, as the core does when its objects have changed. */
async function hand(fixture: ProviderFixture, pod: Pod, content: Content): Promise<void> {
  const files = Object.entries(content).map(([path, words]) => ({
    path,
    mode: 0o640,
    content: new TextEncoder().encode(words),
  }))
  fixture.remember(pod)
  const request = { ...requestFor(pod), resolveVolume: () => Promise.resolve({ files }) }
  await fixture.provider.updatePod(request, fixture.context)
}

/** A pod that runs with a volume of these files. */
async function running(fixture: ProviderFixture, content: Content): Promise<Pod> {
  const pod = fixture.pod(scriptIn({ volumes }, untilStopped, { volumeMounts }))
  await hand(fixture, pod, content)
  await fixture.until(pod, 'runs', isRunning)
  return pod
}

async function output(
  { provider, context }: ProviderFixture,
  pod: Pod,
  { command, container = 'c0' }: { readonly command: string; readonly container?: string },
): Promise<string> {
  const streams = { stdin: false, stdout: true, stderr: false, tty: false }
  const options = { command: ['sh', '-c', command], ...streams }
  const exec = await provider.exec?.(refOf(pod), container, options, context)
  assert.ok(exec?.stdout)
  return await text(exec.stdout)
}

describeEngines('volumes elsewhere', (engine) => {
  const elsewhere = useElsewhere(engine)

  async function until(
    fixture: ProviderFixture,
    pod: Pod,
    { command, is }: { readonly command: string; readonly is: string },
  ): Promise<void> {
    const untilMs = performance.now() + fixture.timeoutMs
    for (let last = ''; last !== is; last = await output(fixture, pod, { command })) {
      assert.ok(performance.now() < untilMs, `${command} still says ${last}`)
      await fixture.host.clock.sleep(50)
    }
  }

  test('they are renewed in running containers, in one step, and what is old goes', async () => {
    await using fixture = await elsewhere.open()
    // Three reads of one folder are of one generation, or the link has changed between them.
    const watch = `cd /etc/deep/config; while :; do
      a=$(readlink ..data); x=$(cat ..data/one ..data/two 2>/dev/null); b=$(readlink ..data)
      [ "$a" = "$b" ] && [ "$x" != "1a
1b" ] && [ "$x" != "2a
2b" ] && echo "torn: $x"; [ -z "$a" ] && echo gone; done`
    const readOnly: Partial<Container> = {
      volumeMounts,
      securityContext: { readOnlyRootFilesystem: true },
    }
    const part = {
      volumeMounts: [{ name: 'config', mountPath: '/etc/part', subPath: 'one' }],
    }
    const pod = fixture.pod([
      scriptIn({ volumes, terminationGracePeriodSeconds: 0 }, watch, readOnly),
      script(untilStopped, part),
    ])
    await hand(fixture, pod, { one: '1a\n', two: '1b\n', old: 'o', 'a/deep': 'd' })
    await fixture.until(pod, 'runs', isRunning)
    const list = 'cd /etc/deep/config; cat one; ls -A | grep -v "^\\.\\."; ls -d ..2* | wc -l'
    assert.equal(await output(fixture, pod, { command: list }), '1a\na\nold\none\ntwo\n1\n')
    const long = 'k'.repeat(200)
    await hand(fixture, pod, { one: '2a\n', two: '2b\n', [long]: 'n' })
    await until(fixture, pod, { command: list, is: `2a\n${long}\none\ntwo\n1\n` })
    const look = `cat /etc/deep/config/${long}; stat -Lc %a /etc/deep/config/one`
    assert.equal(await output(fixture, pod, { command: look }), 'n640\n')
    const write = 'echo x > /etc/deep/config/one || echo refused'
    assert.equal(await output(fixture, pod, { command: write }), 'refused\n')
    const partly = { command: 'cat /etc/part', container: 'c1' }
    assert.equal(await output(fixture, pod, partly), '1a\n', 'a part is never renewed')
    assert.equal(await outputOf(fixture, pod), '')
  })

  test('what changed while we were away is brought when we are back', async () => {
    await using fixture = await elsewhere.open()
    const pod = await running(fixture, { one: 'before', old: 'o' })
    await fixture.restart()
    await hand(fixture, pod, { one: 'after' })
    const command = 'cd /etc/deep/config; cat one; ls -A | grep -v "^\\.\\."; ls -d ..2* | wc -l'
    await until(fixture, pod, { command, is: 'afterone\n1\n' })
    assert.equal((await fixture.observe(pod))?.containers[0]?.restartCount, 0)
  })

  test('an engine out of reach is told of in one line, and has the files when it is back', async () => {
    await using fixture = await elsewhere.open()
    const pod = await running(fixture, { one: 'before' })
    elsewhere.relay.isUp = false
    await hand(fixture, pod, { one: 'after' })
    const failures = (): readonly string[] =>
      fixture.events.filter(({ reason }) => reason === 'FailedMount').map(({ message }) => message)
    const untilMs = performance.now() + fixture.timeoutMs
    while (failures().length === 0) {
      assert.ok(performance.now() < untilMs, 'nobody was told')
      await fixture.host.clock.sleep(50)
    }
    elsewhere.relay.isUp = true
    await until(fixture, pod, { command: 'cat /etc/deep/config/one', is: 'after' })
    for (const message of failures()) {
      assert.match(
        message,
        /^MountVolume\.SetUp failed for volume "config" : the engine does not take its files: Cannot reach the engine at tcp:[^\n]*$/,
      )
    }
    assert.ok(failures().length < 10, 'it is tried with back-off')
  })

  test('a sandbox that is made anew has them', async () => {
    await using fixture = await elsewhere.open()
    const pod = await running(fixture, { one: 'before' })
    const sandbox = await engine.daemon.api.find(pod.metadata.name, 'POD')
    assert.ok(sandbox)
    await engine.daemon.api.call('POST', `/containers/${sandbox.Id}/kill?signal=KILL`)
    await fixture.until(
      pod,
      'runs again',
      (observed) => isRunning(observed) && (observed.containers[0]?.restartCount ?? 0) > 0,
    )
    await hand(fixture, pod, { one: 'after' })
    await until(fixture, pod, { command: 'cat /etc/deep/config/one', is: 'after' })
  })

  test("another pause image than the provider's does, too", async () => {
    const reference = 'localhost/vk-sleep:1'
    await engine.daemon.api.load(busyboxArchive(reference, { Cmd: ['sleep', '100000'] }).bytes)
    await using fixture = await elsewhere.open({ pauseImage: reference })
    const pod = await running(fixture, { one: 'before' })
    await hand(fixture, pod, { one: 'after' })
    await until(fixture, pod, { command: 'cat /etc/deep/config/one', is: 'after' })
  })

  test('parts of what is not files are refused', async () => {
    await using fixture = await elsewhere.open()
    const scratch = [{ name: 'scratch', emptyDir: {} }]
    const mounts = [{ name: 'scratch', mountPath: '/s', subPath: 'part' }]
    const pod = fixture.pod(scriptIn({ volumes: scratch }, 'true', { volumeMounts: mounts }))
    await assert.rejects(
      fixture.provider.createPod(requestFor(pod), fixture.context),
      /spec\.containers\[0\]\.volumeMounts\[0\]\.subPath: on an engine of another machine .*"scratch" is not one of files/,
    )
  })
})
