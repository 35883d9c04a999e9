// SPDX-License-Identifier: Apache-2.0
// The provider as a whole through random lives: containers end, starts and replies fail, pods change and are
// deleted, and the process is killed in between, with whatever lay on the disk at that moment.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { RuntimeWorld } from '../../test/support/runtime-world.ts'
import type { Pod, PodSpec } from '../kube/types.gen.ts'
import type { ObservedPod, PodRef } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import { tries } from '../../test/support/test-size.ts'

const kinds = [
  'exit 0',
  'exit 1',
  'exit 42',
  'lose',
  'fail start',
  'use up start',
  'lose reply',
  'fail resolve',
  'fail sandbox',
  'fail stop',
  'mute',
  'new image',
  'debug',
  'ignore signals',
  'kill',
  'settle',
] as const

type Happening =
  | { readonly kind: (typeof kinds)[number]; readonly pick: number }
  | { readonly kind: 'pass'; readonly seconds: number }

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom(...kinds), pick: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      seconds: fc.constantFrom(1, 10, 60, 400),
    }),
  },
)

class Story {
  readonly world: RuntimeWorld
  readonly counts = new Map<string, number>()
  pod: Pod
  ref: PodRef | undefined
  hasEnded = false

  constructor(world: RuntimeWorld, pod: Pod) {
    this.world = world
    this.pod = pod
  }

  async begin(): Promise<void> {
    this.ref = await this.world.create(this.pod)
  }

  async happen(happening: Happening): Promise<void> {
    const { world } = this
    const { runtime } = world
    if (happening.kind === 'pass') return await world.pass(happening.seconds * 1000)
    const running = runtime.running()
    const key = running[happening.pick % Math.max(running.length, 1)]
    const podReason = 'RunContainerError'
    switch (happening.kind) {
      case 'exit 0':
      case 'exit 1':
      case 'exit 42':
        if (key) runtime.exit(key, Number(happening.kind.slice('exit '.length)))
        return undefined
      case 'lose':
        if (key) runtime.lose(key)
        return undefined
      case 'fail start':
        return void runtime.startErrors.push(new Error('not now'))
      case 'use up start':
        return void runtime.startErrors.push(new VkError('Invalid', 'no', { podReason }))
      case 'lose reply':
        runtime.loseNextReply = true
        return undefined
      case 'fail resolve':
        return void world.resolveErrors.push(new Error('no secret'))
      case 'fail sandbox':
        return void runtime.sandboxErrors.push(new Error('no network'))
      case 'fail stop':
        return void runtime.stopErrors.push(new Error('busy'))
      case 'mute':
        runtime.isMute = !runtime.isMute
        return undefined
      case 'new image':
        return await this.changeImage()
      case 'debug':
        return await this.addEphemeral()
      case 'ignore signals':
        runtime.exitCodeOnStop = runtime.exitCodeOnStop === undefined ? 143 : undefined
        return undefined
      case 'settle':
        return await world.settle()
      case 'kill':
        await world.restartAfterKill()
        await world.create(this.pod)
        return undefined
    }
  }

  async changeImage(): Promise<void> {
    const [first, ...rest] = this.pod.spec.containers
    if (!first) return
    await this.change({ containers: [{ ...first, image: `${first.image}+` }, ...rest] })
  }

  async addEphemeral(): Promise<void> {
    const { ephemeralContainers = [] } = this.pod.spec
    const added = buildContainer({ name: `debug${ephemeralContainers.length}` })
    await this.change({ ephemeralContainers: [...ephemeralContainers, added] })
  }

  async change(spec: Partial<PodSpec>): Promise<void> {
    this.pod = { ...this.pod, spec: { ...this.pod.spec, ...spec } }
    await this.world.provider.updatePod(this.world.request(this.pod), this.world.context)
  }

  /** What must hold of everything that was ever pushed. */
  look(observed: ObservedPod): void {
    if (this.hasEnded) assert.equal(observed.hasEnded, true, 'an ended pod stays ended')
    this.hasEnded = observed.hasEnded
    const { containers, initContainers, ephemeralContainers } = observed
    for (const { name, restartCount, state } of [
      ...containers,
      ...initContainers,
      ...ephemeralContainers,
    ]) {
      assert(restartCount >= (this.counts.get(name) ?? 0), 'restart counts never go back')
      this.counts.set(name, restartCount)
      if (!observed.hasEnded || state?.terminated) continue
      assert(state?.waiting && restartCount === 0, `${name} has ended or never ran in an ended pod`)
    }
  }

  async end(): Promise<void> {
    const { world, ref } = this
    assert(ref)
    await world.delete(ref, 5)
    await world.eventually(async () => {
      await world.pass(5000)
      return (await world.observed(ref))?.hasEnded ?? false
    })
    const observed = await world.observed(ref)
    assert.equal(observed?.hasEnded, true, 'a deleted pod ends')
    this.look(observed)
    assert.deepEqual(world.runtime.running(), [], 'nothing runs in a pod that has ended')
    const starts = world.runtime.starts.map(({ key }) => `${key.name}/${key.attempt}`)
    assert.equal(new Set(starts).size, starts.length, 'each attempt was started once')
    await world.provider.cleanUpPod?.(ref, world.context)
    assert.deepEqual(await world.provider.listPods(world.context), [])
    assert.deepEqual(await world.runtime.listContainers(), [])
  }
}

const two = ['a', 'b'].map((name) => buildContainer({ name }))
const anew = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }]
const specs: Readonly<Record<'plain' | 'ordered' | 'anew', Partial<PodSpec>>> = {
  plain: { containers: two },
  ordered: {
    containers: two,
    initContainers: [
      buildContainer({ name: 'one', restartPolicy: 'Always' }),
      buildContainer({ name: 'step' }),
      buildContainer({ name: 'two', restartPolicy: 'Always' }),
    ],
  },
  anew: {
    containers: [
      buildContainer({ name: 'a', restartPolicy: 'Never', restartPolicyRules: anew }),
      buildContainer({ name: 'b' }),
    ],
    initContainers: [buildContainer({ name: 'step' })],
  },
}

test('random lives of a pod on a runtime that fails keep the promises of a kubelet', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('Always', 'OnFailure', 'Never'),
      fc.array(happening, { maxLength: 25 }),
      fc.constantFrom<keyof typeof specs>('plain', 'ordered', 'anew'),
      async (restartPolicy, happenings, shape) => {
        await using world = await RuntimeWorld.open()
        const story = new Story(world, buildPod({ spec: { restartPolicy, ...specs[shape] } }))
        await story.begin()
        for (const happening of happenings) {
          await story.happen(happening)
          for (const observed of world.pushed.splice(0)) story.look(observed)
        }
        await story.end()
      },
    ),
    { seed: 9, numRuns: tries(60, 12), endOnFailure: true },
  )
})
