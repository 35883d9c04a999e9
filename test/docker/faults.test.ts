// SPDX-License-Identifier: Apache-2.0
//
// What pods on an engine bear: the engine is killed and started again, or hangs; our own process is killed at
// a bad moment. Nothing is lost, nothing is doubled, nothing is left.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import type { LogBatch } from '../../src/provider/log-feed.ts'
import type { ObservedPod } from '../../src/provider/provider.ts'
import type { ProcessStreams } from '../../src/provider/streams.ts'
import type { Pod } from '../../src/kube/types.gen.ts'
import { ProviderFixture, isRunning, refOf } from '../../src/testing/provider-fixture.ts'
import { outputOf } from './output-of.ts'
import { TestRegistry } from './registry.ts'
import { TcpRelay } from './tcp-relay.ts'
import { busyboxFiles } from './test-image.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

/** It may have ended before anybody looked. */
const hasStarted = (observed: ObservedPod): boolean => isRunning(observed) || observed.hasEnded
const hasEnded = ({ hasEnded: ended }: ObservedPod): boolean => ended

/** A container that counts, slowly enough to be interrupted. */
const counting = (to: number): string =>
  `i=1; while [ $i -le ${to} ]; do echo line $i; i=$((i + 1)); sleep 0.02; done`

const lines = (to: number): readonly string[] =>
  Array.from({ length: to }, (_, index) => `line ${index + 1}`)

/** What a reader that follows is given until the container ends. */
async function followed(
  { provider, host, timeoutMs }: ProviderFixture,
  pod: Pod,
): Promise<readonly string[]> {
  let isExact = false
  const { log } = host
  const chunks: Uint8Array[] = []
  const context = { signal: AbortSignal.timeout(timeoutMs), log }
  const query = { previous: false, follow: true }
  for await (const { entries } of provider.logs(refOf(pod), 'c0', query, context)) {
    chunks.push(...entries.map(({ bytes }) => bytes))
    isExact ||= entries.some(({ timeMs }) => timeMs % 1000 !== 0)
  }
  assert.ok(isExact, 'times are finer than a second')
  return Buffer.concat(chunks).toString().trim().split('\n')
}

/** The first `count` lines of a log that has no end. */
async function linesOf(feed: AsyncIterable<LogBatch>, count: number): Promise<readonly string[]> {
  let output = ''
  for await (const { entries } of feed) {
    output += entries.map(({ bytes }) => Buffer.from(bytes).toString()).join('')
    if (output.split('\n').length > count) break
  }
  return output.split('\n').slice(0, count)
}

/** Each ping is given up after five seconds, which an engine that has just begun may need for other things. */
async function untilPinged({ provider, context, timeoutMs }: ProviderFixture): Promise<void> {
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    try {
      return await provider.ping(context)
    } catch (error) {
      if (performance.now() > untilMs) throw error
    }
  }
}

describeEngines('faults', (engine) => {
  /** Nothing answers while `work` is done. */
  async function whileItHangs(work: () => Promise<void>): Promise<void> {
    const { pid } = engine.daemon
    process.kill(pid, 'SIGSTOP')
    try {
      while (!hasStopped(pid)) await setImmediate()
      await work()
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  }

  test('a pod runs on, or again, when the engine is killed and comes back', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(untilStopped))
    const before = await fixture.run(pod)
    await engine.daemon.kill()
    await assert.rejects(fixture.provider.ping(fixture.context), /Cannot reach the engine/)
    await engine.daemon.start()
    await untilPinged(fixture)
    const isBack = (observed: ObservedPod): boolean =>
      isRunning(observed) &&
      // Docker ends what ran when it was killed; Podman's containers do not need it.
      (engine.kind === 'podman' || (observed.containers[0]?.restartCount ?? 0) > 0)
    const after = await fixture.until(pod, 'runs', isBack)
    if (engine.kind === 'podman') {
      assert.equal(after.containers[0]?.containerID, before.containers[0]?.containerID)
      assert.equal(after.containers[0]?.restartCount, 0)
    }
  })

  test('a pod that ended while the engine was away has its exit code', async () => {
    if (engine.kind === 'docker') return
    await using fixture = await ProviderFixture.open(engine.options())
    const leave = 'trap "exit 7" TERM; echo ready; sleep 600 & wait'
    const pod = fixture.pod(script(leave), { restartPolicy: 'Never' })
    await fixture.run(pod)
    while (!(await outputOf(fixture, pod)).includes('ready')) await fixture.host.clock.sleep(50)
    const { Id } = (await engine.daemon.api.find(pod.metadata.name, 'c0')) ?? assert.fail()
    const { State } = await engine.daemon.api.call<{ readonly State: { readonly Pid: number } }>(
      'GET',
      `/containers/${Id}/json`,
    )
    await engine.daemon.kill()
    process.kill(State.Pid, 'SIGTERM')
    while (existsSync(`/proc/${State.Pid}`)) await fixture.host.clock.sleep(50)
    await engine.daemon.start()
    const { containers } = await fixture.until(pod, 'has ended', hasEnded)
    assert.equal(containers[0]?.state?.terminated?.exitCode, 7)
  })

  test('a hanging engine fails pings, and goes on where it was', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const first = fixture.pod(script(untilStopped))
    await fixture.run(first)
    const second = fixture.pod(script(untilStopped))
    await whileItHangs(async () => {
      await assert.rejects(fixture.provider.ping(fixture.context), /gave no answer for 5 s/)
      await fixture.create(second)
      assert.ok(
        isRunning((await fixture.observe(first)) ?? assert.fail('it is not known any more')),
      )
    })
    await fixture.until(second, 'runs', isRunning)
  })

  test('commands and a log that is followed go on after a hang', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(`${counting(60)}; ${untilStopped}`), { restartPolicy: 'Never' })
    await fixture.run(pod)
    const start = async (command: string): Promise<ProcessStreams> => {
      const streams = { stdin: false, stdout: true, stderr: false, tty: false }
      const options = { command: ['sh', '-c', command], ...streams }
      const { provider, context } = fixture
      return (await provider.exec?.(refOf(pod), 'c0', options, context)) ?? assert.fail()
    }
    const outcome = async ({ stdout, exited }: ProcessStreams): Promise<string> => {
      assert.ok(stdout)
      const output = await text(stdout)
      return `${output} ${JSON.stringify(await exited)}`
    }
    const before = await start(
      'echo one; until [ -e /tmp/go ]; do sleep 0.1; done; echo two; exit 3',
    )
    const reading = fixture.provider.logs(
      refOf(pod),
      'c0',
      { previous: false, follow: true },
      fixture.context,
    )
    const read = linesOf(reading, 60)
    let meanwhile: Promise<ProcessStreams> | undefined
    await whileItHangs(async () => {
      meanwhile = start('echo three; exit 4')
      await fixture.host.clock.sleep(1000)
    })
    assert.equal(await outcome((await meanwhile) ?? assert.fail()), 'three\n {"exitCode":4}')
    assert.equal(await outcome(await start('touch /tmp/go')), ' {"exitCode":0}')
    assert.equal(await outcome(before), 'one\ntwo\n {"exitCode":3}')
    assert.deepEqual(await read, lines(60))
  })

  test('a pull that the engine does not survive is made again', async () => {
    const config = { Env: ['PATH=/bin'], Cmd: ['sh', '-c', untilStopped] }
    // A layer that is there already would not be asked for.
    const files = [...busyboxFiles(), { path: 'slow', mode: 0o644, content: Buffer.from('slow') }]
    const what = { repository: 'team/slow', tag: '1', files, config }
    await using registry = await TestRegistry.open(what)
    await engine.daemon.allowInsecure(registry.host)
    await using fixture = await ProviderFixture.open(engine.options())
    const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>()
    const { promise: isHeld, resolve: release } = Promise.withResolvers<void>()
    registry.beforeLayer = async () => {
      asked()
      await isHeld
    }
    const pod = fixture.pod({ container: { image: registry.image } })
    await fixture.create(pod)
    await Promise.race([isAsked, fixture.until(pod, 'runs too soon', isRunning)])
    await engine.daemon.kill()
    registry.beforeLayer = () => Promise.resolve()
    release()
    await engine.daemon.start()
    await fixture.until(pod, 'runs', isRunning)
    const failed = `Failed to pull image "${registry.image}": Cannot reach the engine at unix:`
    const told = fixture.events.map(({ message }) => message)
    assert.ok(
      told.some((message) => message.startsWith(failed) && !message.includes('\n')),
      told.join('\n'),
    )
  })

  test('a connection that keeps breaking starts nothing twice and loses nothing', async () => {
    await using relay = await TcpRelay.open(engine.daemon.socket)
    const options = engine.options({ host: relay.host })
    await using fixture = await ProviderFixture.open(options)
    const pods = [1, 2, 3, 4, 5, 6].map(() => fixture.pod(script(untilStopped)))
    for (const pod of pods) {
      await fixture.create(pod)
      // Replies are lost at any step of a start.
      for (const pauseMs of [7, 23, 61, 113]) {
        await fixture.host.clock.sleep(pauseMs)
        relay.isUp = false
        relay.isUp = true
      }
    }
    for (const pod of pods) await fixture.until(pod, 'runs', isRunning)
    const all = await engine.daemon.api.containers()
    for (const { metadata } of pods) {
      const own = all.filter(
        ({ Labels, State }) =>
          State === 'running' && Labels?.['io.virtual-kubelet.pod.uid'] === metadata.uid,
      )
      const kinds = own.map(({ Labels }) => Labels?.['io.virtual-kubelet.kind'])
      assert.deepEqual(new Set(kinds), new Set(['container', 'sandbox']), metadata.name)
      assert.equal(kinds.length, 2, metadata.name)
    }
    for (const pod of pods) {
      const [container] = (await fixture.observe(pod))?.containers ?? []
      const why = JSON.stringify([container?.lastState, fixture.events])
      assert.equal(container?.restartCount, 0, why)
    }
  })

  test('a follower of a log gets every line once, whatever breaks meanwhile', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(counting(150)), { restartPolicy: 'Never' })
    await fixture.create(pod)
    await fixture.until(pod, 'has started', hasStarted)
    const reading = followed(fixture, pod)
    if (engine.kind === 'podman') {
      await fixture.host.clock.sleep(500)
      await engine.daemon.kill()
      await fixture.host.clock.sleep(300)
      await engine.daemon.start()
    }
    assert.deepEqual(await reading, lines(150))
  })

  test('restarts of our own lose no line and start nothing twice', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(counting(150)), { restartPolicy: 'Never' })
    await fixture.create(pod)
    await fixture.until(pod, 'has started', hasStarted)
    for (const _ of [1, 2, 3]) {
      await fixture.restart()
      await fixture.create(pod)
      await fixture.host.clock.sleep(200)
    }
    const reading = followed(fixture, pod)
    const { containers } = await fixture.until(pod, 'has ended', hasEnded)
    assert.equal(containers[0]?.restartCount, 0)
    assert.equal(containers[0]?.state?.terminated?.exitCode, 0)
    assert.deepEqual(await reading, lines(150))
  })
})

/** A process stops thread by thread. */
function hasStopped(pid: number): boolean {
  const threads = `/proc/${pid}/task`
  return readdirSync(threads).every((thread) => {
    try {
      return /^State:\s+T/m.test(readFileSync(`${threads}/${thread}/status`, 'utf8'))
    } catch {
      // It has just ended.
      return false
    }
  })
}
