// SPDX-License-Identifier: Apache-2.0
// Conformance: clients that join the main process of a container.
import assert from 'node:assert/strict'
import type { Pod } from '../kube/types.gen.ts'
import type { ProcessStreams } from '../provider/streams.ts'
import { silentLogger } from '../util/logger.ts'
import { codeOf } from '../util/vk-error.ts'
import type { Check } from './check.ts'
import { exitOf, StreamOutput } from './stream-output.ts'
import { firstContainer, isRunning, refOf, type ProviderFixture } from './provider-fixture.ts'

const needs = { needsMethod: 'attach', needsWorkload: 'echoing' } as const
const choice = { stdin: true, stdout: true, stderr: false, tty: false }

/** Checks of attach. */
export const attachChecks: readonly Check[] = [
  {
    title: 'what is typed reaches the main process, and its answer everybody who is attached',
    ...needs,
    async run(fixture, { workloads }) {
      const pod = await echoing(fixture, workloads.echoing?.())
      const [one, other] = [await attach(fixture, pod), await attach(fixture, pod)]
      const outputs = [one, other].map(({ stdout }) => new StreamOutput(stdout, fixture.timeoutMs))
      for (const [{ stdin }, word] of [
        [one, 'hello'],
        [other, 'again'],
      ] as const) {
        const type = (): void => void stdin?.write(`${word}\n`)
        type()
        // Who has only just come may have missed it.
        const typing = setInterval(type, 1000)
        const heard = outputs.map((output) => output.until(new RegExp(`${word}\\r?\\n`)))
        await Promise.all(heard).finally(() => clearInterval(typing))
      }
    },
  },
  {
    title: 'a client that leaves takes nothing with it, and another may come',
    ...needs,
    async run(fixture, { workloads }) {
      const pod = await echoing(fixture, workloads.echoing?.())
      const before = firstContainer(await fixture.until(pod, 'runs', isRunning))
      const client = new AbortController()
      const first = await attach(fixture, pod, { signal: client.signal })
      const output = new StreamOutput(first.stdout, fixture.timeoutMs)
      first.stdin?.write('first\n')
      await output.until(/first/)
      client.abort()
      await output.toEnd()
      const second = await attach(fixture, pod)
      second.stdin?.write('second\n')
      await new StreamOutput(second.stdout, fixture.timeoutMs).until(/second/)
      assert.deepEqual(firstContainer(await fixture.until(pod, 'runs', isRunning)), before)
    },
  },
  {
    title: 'who is attached sees the end of the container',
    ...needs,
    async run(fixture, { workloads }) {
      const pod = await echoing(fixture, workloads.echoing?.())
      const process = await attach(fixture, pod)
      const output = new StreamOutput(process.stdout, fixture.timeoutMs)
      process.stdin?.on('error', () => {})
      await fixture.delete(pod, 1)
      await exitOf(process, fixture.timeoutMs)
      await output.toEnd()
    },
  },
  {
    title: 'attaching to an unknown pod or container is refused',
    ...needs,
    async run(fixture, { workloads }) {
      const pod = await echoing(fixture, workloads.echoing?.())
      const never = fixture.pod(workloads.running())
      for (const call of [
        attach(fixture, pod, { container: 'no-such-container' }),
        attach(fixture, never),
      ]) {
        await assert.rejects(call, (error) => codeOf(error) === 'NotFound')
      }
    },
  },
]

async function echoing(
  fixture: ProviderFixture,
  workload: Parameters<ProviderFixture['pod']>[0] | undefined,
): Promise<Pod> {
  assert.ok(workload)
  const pod = fixture.pod(workload)
  await fixture.run(pod)
  return pod
}

async function attach(
  { provider, over }: ProviderFixture,
  pod: Pod,
  {
    container = 'c0',
    signal = over,
  }: { readonly container?: string; readonly signal?: AbortSignal } = {},
): Promise<ProcessStreams> {
  const context = { signal, log: silentLogger }
  const process = await provider.attach?.(refOf(pod), container, choice, context)
  assert.ok(process)
  return process
}
