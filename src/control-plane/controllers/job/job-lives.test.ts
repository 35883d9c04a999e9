// SPDX-License-Identifier: Apache-2.0
// Random lives of Jobs: pods that start, succeed, fail, are deleted or vanish, specs that change, writes
// that are refused and replies that are lost. Whatever happens, the counters stay exact.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { HandKubelet, newJob } from '../../../../test/support/workload-objects.ts'
import { pods } from '../../../kube/resources.ts'
import type { Job, Pod } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { serviceUnavailable } from '../../objects/api-status.ts'
import { jobs } from '../workload/workload-resources.ts'
import { startJobController } from './job-controller.ts'
import { completionIndexOf, finishedCondition } from './job-facts.ts'

const at = { namespace: 'default', name: 'work' }

type Step =
  | { readonly do: 'start' | 'succeed' | 'fail' | 'delete' | 'reap'; readonly pick: number }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'parallelism'; readonly count: number }
  | { readonly do: 'suspend' | 'resume' }
  | { readonly do: 'fault'; readonly kind: 'before' | 'after'; readonly nth: number }

const pick = fc.nat(20)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('start' as const), pick }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('succeed' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reap' as const), pick }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(700) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('parallelism' as const), count: fc.nat(6) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('suspend' as const, 'resume' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      kind: fc.constantFrom('before' as const, 'after' as const),
      nth: fc.nat(5),
    }),
  },
)

class Life {
  readonly clock = new FakeClock()
  readonly api = new FakeClusterApi(this.clock)
  readonly kubelet = new HandKubelet(this.api, this.clock)
  readonly #isIndexed: boolean
  readonly #ended = new Set<string>()
  #last: Job | undefined

  constructor(isIndexed: boolean) {
    this.#isIndexed = isIndexed
  }

  get job(): Job {
    return this.api.get(jobs, at)!
  }

  async take(next: Step): Promise<void> {
    await this.#do(next)
    await this.settle()
    this.#check()
  }

  /** Lets retries happen. */
  async settle(): Promise<void> {
    await this.api.settled()
    await this.clock.advance(1_000)
    await this.api.settled()
  }

  async #do(next: Step): Promise<void> {
    switch (next.do) {
      case 'start':
        return await this.#with(next.pick, (pod) => this.kubelet.start(pod))
      case 'succeed':
      case 'fail':
        return await this.#with(next.pick, (pod) => {
          const isFailure = next.do === 'fail'
          if (isFailure) this.#ended.add(pod.metadata.uid)
          this.kubelet.end(pod, isFailure ? 1 : 0)
        })
      case 'delete':
        return await this.#with(next.pick, async (pod) => {
          this.#ended.add(pod.metadata.uid)
          await this.api.delete(pods, pod.metadata)
        })
      case 'reap':
        return await this.kubelet.reap(143)
      case 'wait':
        return await this.clock.advance(next.seconds * 1000)
      case 'parallelism':
        return await this.#patch({ parallelism: next.count })
      case 'suspend':
      case 'resume':
        return await this.#patch({ suspend: next.do === 'suspend' })
      case 'fault':
        this.#break(next)
    }
  }

  async #with(pick: number, act: (pod: Pod) => Promise<void> | void): Promise<void> {
    const { activePods } = this.kubelet
    const pod = activePods[pick % Math.max(1, activePods.length)]
    if (pod) await act(pod)
  }

  async #patch(spec: object): Promise<void> {
    await this.api.patch(jobs, at, { spec })
  }

  // The n-th of the controller's next writes goes wrong, once. Those of the test come in between, too,
  // but only deletes and patches of the Job and binds; those are let through.
  #break({ kind, nth }: { readonly kind: 'before' | 'after'; readonly nth: number }): void {
    let left = nth
    this.api[kind] = ({ verb, subresource, resource }) => {
      const isTest = verb === 'bind' || (resource === jobs && subresource !== 'status')
      if (isTest || verb === 'delete' || left-- !== 0) return
      this.api[kind] = () => {}
      throw serviceUnavailable('try again')
    }
  }

  #check(): void {
    const { job } = this
    const { spec, status = {} } = job
    const { activePods } = this.kubelet
    const { succeeded = 0, failed = 0 } = status
    const last = this.#last?.status ?? {}
    if (this.#last && finishedCondition(this.#last)) {
      assert.deepEqual(status, last, 'a finished Job does not change')
    }
    this.#last = job
    const allowed =
      spec.suspend === true ? 0 : Math.min(spec.parallelism!, spec.completions! - succeeded)
    assert.ok(activePods.length <= allowed, `${activePods.length} active, ${allowed} allowed`)
    assert.ok(succeeded >= (last.succeeded ?? 0), 'succeeded never falls')
    assert.ok(failed >= (last.failed ?? 0), 'failed never falls')
    assert.ok(succeeded <= spec.completions!, 'no more successes than completions')
    assert.equal(failed, this.#ended.size, 'each failed pod counts once')
    assert.deepEqual(status.uncountedTerminatedPods, {}, 'everything is counted')
    if (!this.#isIndexed) return
    const indexes = activePods.map(completionIndexOf)
    assert.equal(new Set(indexes).size, indexes.length, 'an index has one pod')
  }

  /** Lets all pods succeed until the Job has ended. */
  async finish(): Promise<void> {
    await this.#patch({ suspend: false, parallelism: 3 })
    for (let round = 0; round < 30 && !finishedCondition(this.job); round += 1) {
      await this.settle()
      for (const pod of this.kubelet.activePods) this.kubelet.end(pod, 0)
      await this.kubelet.reap(143)
      await this.clock.advance(600_000)
    }
  }
}

test('counters are exact, limits hold, and every Job ends', async () => {
  const shape = fc.record({ isIndexed: fc.boolean(), completions: fc.integer({ min: 1, max: 9 }) })
  const steps = fc.array(step, { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(shape, steps, async ({ isIndexed, completions }, all) => {
      const life = new Life(isIndexed)
      await using _controller = startJobController({
        api: life.api,
        clock: life.clock,
        log: silentLogger,
      })
      const completionMode = isIndexed ? 'Indexed' : 'NonIndexed'
      const spec = { completions, completionMode, parallelism: 3, backoffLimit: 1_000 }
      await life.api.create(jobs, newJob(spec))
      await life.settle()
      for (const next of all) await life.take(next)
      await life.finish()
      assert.equal(finishedCondition(life.job)?.type, 'Complete')
      assert.equal(life.job.status?.succeeded, completions)
      if (isIndexed) assert.match(life.job.status?.completedIndexes ?? '', /^0(-\d+|,1)?$/)
    }),
    { numRuns: 60 },
  )
})
