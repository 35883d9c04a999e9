// SPDX-License-Identifier: Apache-2.0
// Conformance: commands in running containers.
import assert from 'node:assert/strict'
import type { Pod } from '../kube/types.gen.ts'
import type { ProcessStreams, StreamChoice } from '../provider/streams.ts'
import { silentLogger } from '../util/logger.ts'
import { codeOf } from '../util/vk-error.ts'
import type { Check } from './check.ts'
import { exitOf, outcomeOf, StreamOutput } from './stream-output.ts'
import { firstContainer, isRunning, refOf, type ProviderFixture } from './provider-fixture.ts'

type CheckArguments = Parameters<Check['run']>

const needs = { needsMethod: 'exec', needsWorkload: 'shell' } as const
const all: StreamChoice = { stdin: true, stdout: true, stderr: true, tty: false }
const outputOnly: StreamChoice = { stdin: false, stdout: true, stderr: true, tty: false }

/** Checks of exec. */
export const execChecks: readonly Check[] = [
  {
    title: 'a command gets its input to the end, and both outputs and the exit code come back',
    ...needs,
    async run(...[fixture, options]) {
      const exec = await running(fixture, options)
      const process = await exec('cat; echo err >&2; exit 3', all)
      const { timeoutMs } = fixture
      const outcome = await outcomeOf(process, { input: 'no newline', timeoutMs })
      assert.deepEqual(outcome, { stdout: 'no newline', stderr: 'err\n', exitCode: 3 })
    },
  },
  {
    title: 'a command that a signal ends has the exit code 128 + its number',
    ...needs,
    async run(...[fixture, options]) {
      const exec = await running(fixture, options)
      const process = await exec('kill -KILL $$', outputOnly)
      assert.equal((await outcomeOf(process, fixture)).exitCode, 137)
    },
  },
  { title: 'large output comes whole and in order', ...needs, run: givesLargeOutput },
  {
    title: 'large input arrives whole',
    ...needs,
    async run(...[fixture, options]) {
      const exec = await running(fixture, options)
      const input = Buffer.alloc(4_000_000, 'x')
      const outcome = await outcomeOf(await exec('wc -c', all), {
        timeoutMs: fixture.timeoutMs,
        input,
      })
      assert.equal(outcome.stdout.trim(), String(input.length))
    },
  },
  {
    title: 'a command that reads no input is not held up by it',
    ...needs,
    async run(...[fixture, options]) {
      const exec = await running(fixture, options)
      const input = Buffer.alloc(1_000_000)
      const outcome = await outcomeOf(await exec('echo done', all), {
        timeoutMs: fixture.timeoutMs,
        input,
      })
      assert.deepEqual([outcome.stdout, outcome.exitCode], ['done\n', 0])
    },
  },
  {
    title: 'commands run side by side and do not mix',
    ...needs,
    async run(...[fixture, options]) {
      const exec = await running(fixture, options)
      const names = Array.from({ length: 10 }, (_, i) => `number ${i}`)
      const outcomes = await Promise.all(
        names.map(
          async (input) =>
            await outcomeOf(await exec('cat', all), { timeoutMs: fixture.timeoutMs, input }),
        ),
      )
      assert.deepEqual(
        outcomes.map(({ stdout }) => stdout),
        names,
      )
    },
  },
  {
    title: 'a client that leaves ends its command, and nothing else',
    ...needs,
    run: endsWithClient,
  },
  {
    title: 'a command in a terminal sees its size and each change of it',
    ...needs,
    needs: ['tty'],
    run: followsSizes,
  },
  {
    title: 'a command that is not there fails',
    ...needs,
    async run(...[fixture, { workloads }]) {
      const pod = fixture.pod(workloads.running())
      await fixture.run(pod)
      const command = ['no-such-program-anywhere']
      const failed = await exec(fixture, pod, { ...outputOnly, command }).then(
        async (process) => (await outcomeOf(process, fixture)).exitCode,
        () => 'refused' as const,
      )
      assert.ok(failed === 'refused' || failed === 126 || failed === 127, String(failed))
    },
  },
  {
    title: 'commands in an unknown pod or container, or one that has ended, are refused',
    ...needs,
    run: refusesUnknown,
  },
]

/** A pod that runs, and how to run scripts in it. */
async function running(
  ...[fixture, { workloads }]: CheckArguments
): Promise<(script: string, choice: StreamChoice) => Promise<ProcessStreams>> {
  const pod = fixture.pod(workloads.running())
  await fixture.run(pod)
  return async (script, choice) =>
    await exec(fixture, pod, { ...choice, command: workloads.shell?.(script) ?? [] })
}

async function exec(
  { provider, over }: ProviderFixture,
  pod: Pod,
  {
    container = 'c0',
    signal = over,
    ...options
  }: StreamChoice & {
    readonly command: readonly string[]
    readonly container?: string
    readonly signal?: AbortSignal
  },
): Promise<ProcessStreams> {
  const context = { signal, log: silentLogger }
  const process = await provider.exec?.(refOf(pod), container, options, context)
  assert.ok(process)
  return process
}

async function givesLargeOutput(...[fixture, options]: CheckArguments): Promise<void> {
  const exec = await running(fixture, options)
  const count = 20_000
  const script = `i=0; while [ $i -lt ${count} ]; do echo "line $i"; i=$((i+1)); done`
  const { stdout } = await outcomeOf(await exec(script, outputOnly), fixture)
  assert.equal(stdout, Array.from({ length: count }, (_, i) => `line ${i}\n`).join(''))
}

async function endsWithClient(...[fixture, { workloads }]: CheckArguments): Promise<void> {
  const pod = fixture.pod(workloads.running())
  const before = firstContainer(await fixture.run(pod))
  const shell = (script: string): readonly string[] => workloads.shell?.(script) ?? []
  const client = new AbortController()
  const { signal } = client
  const command = shell('echo pid=$$; exec sleep 1000')
  const process = await exec(fixture, pod, { ...outputOnly, command, signal })
  const output = new StreamOutput(process.stdout, fixture.timeoutMs)
  const [, pid = ''] = await output.until(/pid=(\d+)\n/)
  client.abort()
  await exitOf(process, fixture.timeoutMs)
  await output.toEnd()
  const look = shell(`kill -0 ${pid} 2>/dev/null && echo there || echo gone`)
  const untilMs = performance.now() + fixture.timeoutMs
  let seen = ''
  do {
    const looked = await exec(fixture, pod, { ...outputOnly, command: look })
    seen = (await outcomeOf(looked, fixture)).stdout.trim()
  } while (seen !== 'gone' && performance.now() < untilMs)
  assert.equal(seen, 'gone', `process ${pid} of a client that left`)
  assert.deepEqual(firstContainer(await fixture.until(pod, 'runs', isRunning)), before)
}

async function followsSizes(...[fixture, options]: CheckArguments): Promise<void> {
  const exec = await running(fixture, options)
  // Of a terminal that has no size yet busybox only complains, and counts it as a success.
  const size = 'size=$(stty size 2>/dev/null); echo "${size:-0 0}"'
  const script = `while read -r word; do [ "$word" = end ] && exit 7; ${size}; done`
  const process = await exec(script, { ...all, stderr: false, tty: true })
  const output = new StreamOutput(process.stdout, fixture.timeoutMs)
  let asked = 0
  const ask = async (): Promise<string> => {
    process.stdin?.write('size\n')
    asked += 1
    const [, last = ''] = await output.until(new RegExp(`(?:[^]*?\\b(\\d+ \\d+)\\r?\\n){${asked}}`))
    return last
  }
  for (const [width, height] of [
    [101, 33],
    [44, 22],
  ] as const) {
    process.resize({ width, height })
    const untilMs = performance.now() + fixture.timeoutMs
    // A change comes to a process when it comes: asked again until it is there.
    for (let seen = ''; seen !== `${height} ${width}`; seen = await ask()) {
      assert.ok(performance.now() < untilMs, `it still has ${seen}, not ${height} ${width}`)
    }
  }
  process.stdin?.write('end\n')
  assert.equal((await exitOf(process, fixture.timeoutMs)).exitCode, 7)
  await output.toEnd()
}

async function refusesUnknown(...[fixture, { workloads }]: CheckArguments): Promise<void> {
  const command = workloads.shell?.('true') ?? []
  const pod = fixture.pod(workloads.running())
  await fixture.run(pod)
  const never = fixture.pod(workloads.running())
  for (const [of, container] of [
    [pod, 'no-such-container'],
    [never, 'c0'],
  ] as const) {
    const call = exec(fixture, of, { ...outputOnly, command, container })
    await assert.rejects(call, (error) => codeOf(error) === 'NotFound')
  }
  await fixture.delete(pod, 1)
  await fixture.until(pod, 'has ended', (observed) => observed.hasEnded)
  await assert.rejects(exec(fixture, pod, { ...outputOnly, command }))
}
