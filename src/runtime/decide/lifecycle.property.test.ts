// SPDX-License-Identifier: Apache-2.0
// Random lives of pods against decide(): containers of every role end, fail their probes and ignore signals,
// time passes, the pod is deleted, we are killed and come back with what lay on the disk and what the
// runtime lists. test/support/pod-life.ts checks each decision before it is carried out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { PodLife } from '../../../test/support/pod-life.ts'
import type { Container, ContainerRestartRule, Pod } from '../../kube/types.gen.ts'
import { podContainers } from './pod-containers.ts'
import { tries } from '../../../test/support/test-size.ts'

type Happening =
  | { readonly kind: 'exit'; readonly pick: number; readonly exitCode: number }
  | { readonly kind: 'lose' | 'up' | 'fall' | 'stubborn'; readonly pick: number }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'delete' | 'evict'; readonly graceSeconds: number }
  | { readonly kind: 'kill9' | 'reboot' | 'save' | 'debug' | 'fail hooks' | 'new image' }
  | { readonly kind: 'new resources'; readonly pick: number }

const pick = fc.nat(20)
const one = <K extends string>(kind: K): fc.Arbitrary<{ kind: K }> =>
  fc.constant({ kind }) as fc.Arbitrary<{ kind: K }>
const picked = <K extends string>(kind: K): fc.Arbitrary<{ kind: K; pick: number }> =>
  fc.record({ kind: fc.constant(kind), pick }) as fc.Arbitrary<{ kind: K; pick: number }>

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('exit' as const),
      pick,
      exitCode: fc.constantFrom(0, 0, 0, 1, 42, 137),
    }),
  },
  { weight: 6, arbitrary: picked('up') },
  { weight: 1, arbitrary: picked('lose') },
  { weight: 2, arbitrary: picked('fall') },
  { weight: 2, arbitrary: picked('stubborn') },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      // Clocks are set back, too.
      seconds: fc.oneof(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 2000 }),
        fc.integer({ min: -60, max: 0 }),
        // And they jump: a battery is empty, a time server is asked for the first time.
        fc.constantFrom(-86_400, 86_400, 31_536_000),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('delete' as const, 'evict' as const),
      graceSeconds: fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 60 })),
    }),
  },
  { weight: 2, arbitrary: one('kill9') },
  { weight: 1, arbitrary: one('reboot') },
  { weight: 2, arbitrary: one('save') },
  { weight: 1, arbitrary: one('debug') },
  { weight: 1, arbitrary: one('fail hooks') },
  { weight: 1, arbitrary: one('new image') },
  { weight: 2, arbitrary: picked('new resources') },
)

const rules: fc.Arbitrary<readonly ContainerRestartRule[]> = fc.constantFrom(
  [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
  [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }],
  [{ action: 'RestartAllContainers', exitCodes: { operator: 'NotIn', values: [0, 1] } }],
)
const handler = { exec: { command: ['true'] } }
const hooks = fc.constantFrom({}, {}, { postStart: handler }, { preStop: handler })
const policies = ['Always', 'OnFailure', 'Never'] as const

const container: fc.Arbitrary<Partial<Container>> = fc
  .record({
    policy: fc.option(fc.constantFrom('OnFailure', 'Never'), { nil: undefined, freq: 2 }),
    rules: fc.option(rules, { nil: undefined, freq: 2 }),
    hasStartupProbe: fc.boolean(),
    lifecycle: hooks,
    restartsForMemory: fc.boolean(),
  })
  .map(({ policy, rules, hasStartupProbe, lifecycle, restartsForMemory }) => ({
    ...(restartsForMemory && {
      resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
    }),
    ...(policy && { restartPolicy: policy, ...(rules && { restartPolicyRules: rules }) }),
    ...(hasStartupProbe && { startupProbe: handler }),
    lifecycle,
  }))
const sidecar = container.map((parts) => ({ ...parts, restartPolicy: 'Always' }))

const pods: fc.Arbitrary<Pod> = fc
  .record({
    restartPolicy: fc.constantFrom(...policies),
    activeDeadlineSeconds: fc.option(fc.integer({ min: 1, max: 3000 }), { nil: undefined }),
    containers: fc.array(container, { minLength: 1, maxLength: 2 }),
    init: fc.array(fc.oneof(container, sidecar), { maxLength: 3 }),
  })
  .map(({ restartPolicy, activeDeadlineSeconds, containers, init }) =>
    buildPod({
      spec: {
        restartPolicy,
        containers: containers.map((parts, i) => buildContainer({ ...parts, name: `main${i}` })),
        initContainers: init.map((parts, i) => buildContainer({ ...parts, name: `init${i}` })),
        ...(activeDeadlineSeconds !== undefined && { activeDeadlineSeconds }),
      },
    }),
  )

function happen(life: PodLife, happening: Happening): void {
  switch (happening.kind) {
    case 'exit':
      return void life.end(runningAt(life, happening.pick), happening.exitCode)
    case 'lose':
      return void life.end(runningAt(life, happening.pick), 'lost')
    case 'up':
      return life.comesUp(runningAt(life, happening.pick))
    case 'fall':
      return life.falls(runningAt(life, happening.pick), happening.pick > 10 ? 3 : undefined)
    case 'stubborn':
      return void life.stubborn.add(runningAt(life, happening.pick))
    case 'pass':
      return life.pass(happening.seconds)
    case 'delete':
      return life.delete(happening.graceSeconds)
    case 'evict':
      return life.evict(happening.graceSeconds)
    case 'save':
      return life.save()
    case 'kill9':
      return life.kill9()
    case 'reboot':
      return life.reboot()
    case 'debug':
      return addEphemeral(life)
    case 'fail hooks':
      life.failHooks = !life.failHooks
      return undefined
    case 'new image':
      return changeImage(life)
    case 'new resources':
      return changeResources(life, happening.pick)
  }
}

function runningAt({ running }: PodLife, pick: number): string {
  return running[pick % Math.max(running.length, 1)]?.key.name ?? ''
}

function addEphemeral(life: PodLife): void {
  const { ephemeralContainers = [] } = life.pod.spec
  const added = { name: `debug${ephemeralContainers.length}`, image: 'example' }
  const spec = { ...life.pod.spec, ephemeralContainers: [...ephemeralContainers, added] }
  life.pod = { ...life.pod, spec }
}

function changeImage(life: PodLife): void {
  const [first, ...rest] = life.pod.spec.containers
  if (!first) return
  const containers = [{ ...first, image: `${first.image}+` }, ...rest]
  life.pod = { ...life.pod, spec: { ...life.pod.spec, containers } }
}

function changeResources(life: PodLife, pick: number): void {
  const { containers, initContainers = [] } = life.pod.spec
  const name = pick % 2 === 0 ? 'cpu' : 'memory'
  const resources = { requests: { [name]: String(pick + 1) } }
  const change = (one: Container): Container => ({ ...one, resources })
  const spec = {
    ...life.pod.spec,
    containers: containers.map(change),
    initContainers: pick % 3 === 0 ? initContainers.map(change) : initContainers,
  }
  life.pod = { ...life.pod, spec }
}

test('random lives keep the promises of a pod lifecycle', () => {
  fc.assert(
    fc.property(pods, fc.array(happening, { maxLength: 40 }), (pod, happenings) => {
      const life = new PodLife(pod)
      life.settle()
      for (const happening of happenings) {
        happen(life, happening)
        life.settle()
        life.check()
      }
      life.delete(happenings.length % 2)
      // Each sidecar that ignores signals is killed in its turn, or when the grace is over.
      for (let i = 0; i <= podContainers(life.pod).length; i++) {
        life.settle()
        life.check()
        life.pass(60)
      }
      life.settle()
      assert.equal(life.facts.hasEnded, true, 'a deleted pod always ends')
      life.check()
    }),
    { seed: 20_260_101, numRuns: tries(2000, 400) },
  )
})
