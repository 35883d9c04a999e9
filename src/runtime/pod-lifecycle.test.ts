// SPDX-License-Identifier: Apache-2.0
// Pods with containers of every role on a runtime: what is started and stopped when, what the statuses say
// meanwhile, and that all of it survives kill -9.
import assert from 'node:assert/strict'
import { appendFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { RuntimeWorld, refOf } from '../../test/support/runtime-world.ts'
import { tries } from '../../test/support/test-size.ts'
import type { Container, Pod } from '../kube/types.gen.ts'
import type { ObservedPod } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import { podDir } from './pod-dirs.ts'

const named = (name: string, parts: Partial<Container> = {}): Container =>
  buildContainer({ name, ...parts })
const sidecar = (name: string, parts: Partial<Container> = {}): Container =>
  named(name, { restartPolicy: 'Always', ...parts })
const key = (pod: Pod, name: string, attempt = 0) => ({ pod: refOf(pod), name, attempt })
const startsOf = (world: RuntimeWorld): readonly string[] =>
  world.runtime.starts.map(({ key: { name, attempt } }) => `${name}/${attempt}`)
const stopsOf = (world: RuntimeWorld): readonly string[] =>
  world.runtime.stops.map(({ key: { name } }) => name)
const initOf = ({ initContainers }: ObservedPod, name: string) =>
  initContainers.find((status) => status.name === name)

test('init containers, sidecars and regular containers start in their order', async () => {
  await using world = await RuntimeWorld.open()
  const initContainers = [sidecar('side'), named('init')]
  const pod = buildPod({ spec: { initContainers } })
  const ref = await world.create(pod)
  const first = await world.until(ref, (observed) =>
    Boolean(initOf(observed, 'init')?.state?.running),
  )
  assert.equal(first.containers[0]?.state?.waiting?.reason, 'PodInitializing')
  assert.deepEqual(initOf(first, 'side')?.ready, true)
  assert.deepEqual(initOf(first, 'init')?.ready, false)
  world.runtime.exit(key(pod, 'init'), 0)
  const up = await world.untilRunning(ref)
  assert.equal(initOf(up, 'init')?.ready, true)
  assert.equal(initOf(up, 'init')?.state?.terminated?.reason, 'Completed')
  assert.deepEqual(startsOf(world), ['side/0', 'init/0', 'main/0'])
  world.runtime.exit(key(pod, 'side'), 1)
  await world.eventually(() => startsOf(world).includes('side/1'))
})

test('init containers that are through are not run again over restarts of ours', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod({ spec: { initContainers: [sidecar('side'), named('init')] } })
  const ref = await world.create(pod)
  await world.eventually(() => startsOf(world).includes('init/0'))
  world.runtime.exit(key(pod, 'init'), 0)
  const before = await world.untilRunning(ref)
  await world.restartAfterKill()
  await world.create(pod)
  await world.settle()
  assert.deepEqual(startsOf(world), ['side/0', 'init/0', 'main/0'])
  assert.deepEqual((await world.observed(ref))?.initContainers, before.initContainers)
})

test('a pod whose containers are through stops its sidecars, also over kill -9', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.exitCodeOnStop = undefined
  const initContainers = [sidecar('one'), sidecar('two')]
  const pod = buildPod({ spec: { restartPolicy: 'Never', initContainers } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  world.runtime.exit(key(pod, 'main'), 0)
  await world.eventually(() => stopsOf(world).length === 1)
  await world.restartAfterKill()
  await world.create(pod)
  await world.eventually(() => stopsOf(world).length === 2)
  assert.deepEqual(stopsOf(world), ['two', 'two'])
  world.runtime.exit(key(pod, 'two'), 0)
  await world.eventually(() => stopsOf(world).at(-1) === 'one')
  await world.pass(30_000)
  const { containers } = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(containers[0]?.state?.terminated?.exitCode, 0)
  assert.deepEqual(startsOf(world), ['one/0', 'two/0', 'main/0'])
  assert.deepEqual(world.eventsOf('Failed'), [])
})

test('sidecars wait for the regular containers, but not beyond the grace', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.exitCodeOnStop = undefined
  const pod = buildPod({ spec: { initContainers: [sidecar('one'), sidecar('two')] } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.delete(ref, 30)
  await world.eventually(() => stopsOf(world).length === 1)
  assert.deepEqual(stopsOf(world), ['main'])
  world.runtime.exit(key(pod, 'main'), 0)
  await world.eventually(() => stopsOf(world).length === 2)
  await world.passToRetry(30_000)
  await world.eventually(() => stopsOf(world).includes('one'))
  assert.equal(world.runtime.stops.at(-1)?.graceMs, 2000)
  await world.pass(2000)
  await world.until(ref, ({ hasEnded }) => hasEnded)
})

test('an ephemeral container is added to a running pod, runs once, and ends with it', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  const ephemeralContainers = [named('debug'), named('other')]
  const debugged = { ...pod, spec: { ...pod.spec, ephemeralContainers } }
  await world.provider.updatePod(world.request(debugged), world.context)
  await world.eventually(() => startsOf(world).includes('other/0'))
  world.runtime.exit(key(pod, 'debug'), 1)
  const observed = await world.until(ref, ({ ephemeralContainers: [debug] }) =>
    Boolean(debug?.state?.terminated),
  )
  const [debug] = observed.ephemeralContainers
  assert.equal(debug?.ready, false)
  assert.equal(debug.started, undefined)
  assert.equal(observed.containers[0]?.ready, true)
  await world.delete(ref)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.deepEqual(startsOf(world), ['main/0', 'debug/0', 'other/0'])
})

test('a rule starts all containers anew, in place, and kill -9 in between changes nothing', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.exitCodeOnStop = undefined
  const restartPolicyRules = [
    { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } },
  ]
  const containers = [
    named('main', { restartPolicy: 'Never', restartPolicyRules }),
    named('other', { restartPolicy: 'Never' }),
  ]
  const initContainers = [named('init')]
  const pod = buildPod({ spec: { restartPolicy: 'Never', containers, initContainers } })
  const ref = await world.create(pod)
  await world.eventually(() => startsOf(world).includes('init/0'))
  world.runtime.exit(key(pod, 'init'), 0)
  await world.untilRunning(ref, 0, 'other')
  world.runtime.exit(key(pod, 'main'), 42)
  await world.eventually(() => stopsOf(world).includes('other'))
  const clearing = await world.observed(ref)
  assert.equal(clearing?.containers[0]?.state?.waiting?.reason, 'RestartingAllContainers')
  assert.equal(clearing.hasEnded, false)
  await world.restartAfterKill()
  await world.create(pod)
  await world.settle()
  assert.deepEqual(startsOf(world), ['init/0', 'main/0', 'other/0'], 'the old runs come first')
  await world.pass(2000)
  await world.eventually(() => startsOf(world).includes('init/1'))
  world.runtime.exit(key(pod, 'init', 1), 0)
  const anew = await world.untilRunning(ref, 1, 'other')
  for (const { lastState } of anew.containers) {
    assert.equal(lastState?.terminated?.reason, 'RestartingAllContainers')
    assert.equal(lastState.terminated.exitCode, 137)
  }
  assert.deepEqual(world.eventsOf('Killing'), ['killing', 'killing'])
})

test('an image that cannot be pulled is shown as such, then as waiting, and tried again', async () => {
  await using world = await RuntimeWorld.open()
  const pullError = (): Error =>
    new VkError('Unavailable', 'no route', { podReason: 'ErrImagePull' })
  world.runtime.startErrors.push(pullError(), pullError())
  const pod = buildPod()
  const ref = await world.create(pod)
  const reasonIs = (reason: string) => (observed: ObservedPod) =>
    observed.containers[0]?.state?.waiting?.reason === reason
  await world.until(ref, reasonIs('ErrImagePull'))
  await world.passToRetry(5000)
  await world.until(ref, reasonIs('ImagePullBackOff'))
  await world.create(pod)
  await world.settle()
  assert.deepEqual(startsOf(world), [], 'a change of the pod does not hurry a registry')
  await world.passToRetry(5000)
  await world.until(ref, reasonIs('ErrImagePull'))
  await world.passToRetry(5000)
  await world.passToRetry(15_000)
  await world.untilRunning(ref)
  assert.deepEqual(world.eventsOf('BackOff'), [
    'Back-off pulling image "example"',
    'Back-off pulling image "example"',
  ])
  assert.deepEqual(
    new Set(world.eventsOf('Failed')),
    new Set([
      'Failed to pull image "example": no route',
      'Error: ErrImagePull',
      'Error: ImagePullBackOff',
    ]),
  )
})

test('a container that fails without a word is quoted from its log where it asks for that', async () => {
  await using world = await RuntimeWorld.open()
  const terminationMessagePolicy = 'FallbackToLogsOnError'
  const containers = [named('main', { terminationMessagePolicy }), named('silent')]
  const pod = buildPod({ spec: { restartPolicy: 'Never', containers } })
  const ref = await world.create(pod)
  await world.untilRunning(ref, 0, 'silent')
  for (const { attemptDir } of world.runtime.starts) {
    await appendFile(join(attemptDir, 'stdout.log'), `${'x'.repeat(3000)}\nout of cheese\n`)
  }
  world.runtime.exit(key(pod, 'main'), 1)
  world.runtime.exit(key(pod, 'silent'), 1)
  const {
    containers: [main, silent],
  } = await world.until(ref, ({ hasEnded }) => hasEnded)
  const message = main?.state?.terminated?.message ?? ''
  assert.equal(message.length, 2048)
  assert.match(message, /x\nout of cheese\n$/)
  assert.equal(silent?.state?.terminated?.message, undefined)
})

test('an end is told with its message, also when it comes while volumes are renewed', async () => {
  const features = { 'volume.configMap': true }
  await using world = await RuntimeWorld.open({}, { features })
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  const terminationMessagePolicy = 'FallbackToLogsOnError'
  const containers = [named('main', { terminationMessagePolicy, volumeMounts })]
  const volumes = [{ name: 'v', configMap: { name: 'c' } }]
  for (let turns = 0; turns < 20; turns += tries(1, 3)) {
    const pod = buildPod({ spec: { restartPolicy: 'Never', containers, volumes } })
    const ref = await world.create(pod)
    await world.untilRunning(ref)
    const { attemptDir = '' } = world.runtime.starts.at(-1) ?? {}
    await appendFile(join(attemptDir, 'stdout.log'), 'out of cheese\n')
    world.volumeFiles = () => ({
      files: [{ path: 'f', mode: 0o644, content: Buffer.from(String(turns)) }],
    })
    await world.provider.updatePod(world.request(pod), world.context)
    for (let turn = 0; turn < turns; turn++) await setImmediate()
    world.runtime.exit(key(pod, 'main'), 1)
    const told = () =>
      world.pushed.filter(({ hasEnded, ref: { uid } }) => hasEnded && uid === ref.uid)
    await world.eventually(() => told().length > 0)
    await world.settle()
    const messages = told().map((last) => last.containers[0]?.state?.terminated?.message)
    assert.deepEqual(messages, ['out of cheese\n'], `${turns} turns later`)
  }
})

test('what a container writes to its message file is the message, its last 4096 bytes', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.volumes = { delivery: 'mount' }
  const pod = buildPod({ spec: { restartPolicy: 'OnFailure' } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  const mounts = world.runtime.starts[0]?.mounts ?? []
  const mount = mounts.find(({ mountPath }) => mountPath === '/dev/termination-log')
  assert.ok(mount)
  await appendFile(mount.hostPath, `${'x'.repeat(5000)}the end`)
  world.runtime.exit(key(pod, 'main'), 1)
  await world.untilRunning(ref, 1)
  const message = (await world.status(ref))?.lastState?.terminated?.message
  assert.equal(message, `${'x'.repeat(4089)}the end`)
})

test('in another sandbox init containers run again, before what the policy starts again', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod({ spec: { initContainers: [named('init')] } })
  const over = buildPod({ spec: { restartPolicy: 'Never', initContainers: [named('init')] } })
  const ref = await world.create(pod)
  const other = await world.create(over)
  await world.eventually(() => startsOf(world).length === 2)
  world.runtime.exit(key(pod, 'init'), 0)
  world.runtime.exit(key(over, 'init'), 0)
  await world.untilRunning(ref)
  await world.untilRunning(other)
  await world.stop()
  await world.start()
  world.runtime.sandboxId = '2'
  world.runtime.lose(key(pod, 'main'))
  world.runtime.lose(key(over, 'main'))
  await world.create(pod)
  await world.create(over)
  await world.eventually(() => startsOf(world).includes('init/1'))
  await world.settle()
  assert.equal(startsOf(world).includes('main/1'), false)
  world.runtime.exit(key(pod, 'init', 1), 0)
  await world.untilRunning(ref, 1)
  await world.until(other, ({ hasEnded }) => hasEnded)
  assert.equal(startsOf(world).filter((start) => start === 'init/1').length, 1)
  assert.equal(world.eventsOf('SandboxChanged').length >= 1, true)
})

test('runs tell of their sandbox where a killed life had no time to write it down', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.tellsSandboxes = true
  const pod = buildPod({ spec: { initContainers: [named('init')] } })
  const ref = await world.create(pod)
  await world.eventually(() => startsOf(world).length === 1)
  await world.kill()
  world.runtime.exit(key(pod, 'init'), 0)
  await rm(join(podDir(world.rootDir, ref.uid), 'pod.json'), { force: true })
  world.runtime.sandboxId = '2'
  await world.start()
  await world.create(pod)
  await world.eventually(() => startsOf(world).includes('init/1'))
  await world.settle()
  assert.equal(
    startsOf(world).some((start) => start.startsWith('main')),
    false,
  )
  world.runtime.exit(key(pod, 'init', 1), 0)
  await world.untilRunning(ref)
  await world.kill()
  await rm(join(podDir(world.rootDir, ref.uid), 'pod.json'), { force: true })
  await world.start()
  await world.create(pod)
  await world.untilRunning(ref)
  await world.settle()
  assert.deepEqual(startsOf(world), ['init/0', 'init/1', 'main/0'])
})
