// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet run` as a person uses it: real processes on a cluster of its own, exit codes, what is
// printed, and that nothing is left behind.
import assert from 'node:assert/strict'
import { chmodSync, readdirSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CliProcess, runCli } from './support/cli-process.ts'
import { processesWith } from './support/marked-processes.ts'

interface JobShape {
  readonly script: string
  readonly completions?: number
  readonly restartPolicy?: string
}

/** A Job as JSON, which is YAML too. */
function job(name: string, { script, completions = 1 }: JobShape): string {
  const container = { name: 'main', image: 'host', command: ['/bin/sh', '-c', script] }
  const template = { spec: { restartPolicy: 'Never', containers: [container] } }
  const spec = {
    completions,
    parallelism: completions,
    completionMode: 'Indexed',
    backoffLimit: 0,
    template,
  }
  return JSON.stringify({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec })
}

test('pods run to their end: their lines in full, a table, exit code 0, nothing left', async () => {
  const script = 'for i in $(seq 1 500); do echo "$JOB_COMPLETION_INDEX line $i"; done; printf rest'
  await using dir = await temporaryDir()
  const { code, stdout, stderr } = await runCli(['run', '-'], {
    input: job('count', { script, completions: 3 }),
    env: { TMPDIR: dir.path },
  })
  assert.equal(code, 0, stderr)
  for (const index of [0, 1, 2]) {
    const own = stdout
      .split('\n')
      .filter((line) => line.startsWith(`count-${index}-`) && / \| /.test(line))
    const lines = own.map((line) => line.split(' | ')[1])
    assert.equal(lines.length, 501, stdout.slice(-2000))
    assert.equal(lines[0], `${index} line 1`)
    assert.deepEqual(lines.slice(-2), [`${index} line 500`, 'rest'])
  }
  assert.match(stdout, /^POD +NODE +PHASE +EXIT CODE +RESTARTS +QUEUE TIME +RUN TIME$/m)
  assert.match(stdout, /^count-2-\S+ +node-1 +Succeeded +0 +0 +\S+ +\S+$/m)
  assert.match(stderr, /^job\/count 3\/3 done, succeeded$/m)
  assert.deepEqual(readdirSync(dir.path), [])
})

test('what a run leaves that was killed is ended by the next one', async () => {
  await using dir = await temporaryDir()
  const env = { TMPDIR: dir.path }
  const marker = `600.${process.pid}`
  const script = `echo up; exec sleep ${marker}`
  await using killed = new CliProcess(['run', '-'], { input: job('left', { script }), env })
  await killed.says(/ \| up/)
  killed.child.kill('SIGKILL')
  await killed.ended
  assert.notDeepEqual(readdirSync(dir.path), [])
  const { code, stderr } = await runCli(['run', '-'], {
    input: job('next', { script: 'true' }),
    env,
  })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /^An earlier run was killed; what it left was removed \(pods: 1\)$/m)
  assert.deepEqual(readdirSync(dir.path), [])
  assert.deepEqual(processesWith(marker), [])
})

test('one that fails: exit code 1, and for machines one document that says so', async () => {
  const input = `${job('good', { script: 'true' })}\n---\n${job('bad', { script: 'echo no; exit 7' })}`
  const { code, stdout, stderr } = await runCli(['run', '-', '-o', 'json'], { input })
  assert.equal(code, 1, stderr)
  const report = JSON.parse(stdout) as {
    readonly outcome: string
    readonly pods: readonly { readonly workload: string; readonly exitCode: number }[]
  }
  assert.equal(report.outcome, 'failed')
  const codes = report.pods.map(({ workload, exitCode }) => `${workload} ${exitCode}`)
  assert.deepEqual(codes.toSorted(), ['job/bad 7', 'job/good 0'])
  assert.match(stderr, /^bad-0-\S+ \| no$/m)
})

test('Ctrl-C ends the pods with their grace and leaves no process', async () => {
  const mark = `vk-run-${process.pid}-${Date.now()}`
  const script = `trap 'echo "has time to say bye"; exit 0' TERM; echo ${mark}; while :; do sleep 0.1; done`
  await using cli = new CliProcess(['run', '-'], {
    input: job('endless', { script, completions: 2 }),
  })
  await cli.says(new RegExp(`endless-0-\\S+ \\| ${mark}`))
  await cli.says(new RegExp(`endless-1-\\S+ \\| ${mark}`))
  assert.ok(processesWith(mark).length > 0)
  cli.child.kill('SIGINT')
  const { code, stdout } = await cli.ended
  assert.equal(code, 130)
  assert.equal(stdout.match(/\| has time to say bye$/gm)?.length, 2)
  assert.deepEqual(processesWith(mark), [])
})

test('a second signal does not wait for the grace, and still leaves no process', async () => {
  const mark = `vk-hurry-${process.pid}-${Date.now()}`
  const script = `trap 'echo deaf' TERM; echo ${mark}; while :; do sleep 0.1; done`
  await using cli = new CliProcess(['run', '-'], { input: job('deaf', { script }) })
  await cli.says(new RegExp(`deaf-0-\\S+ \\| ${mark}`))
  cli.child.kill('SIGINT')
  await cli.says(/\| deaf$/m)
  // Another signal, for the same within a moment would be an echo of the first.
  cli.child.kill('SIGTERM')
  assert.equal((await cli.ended).code, 143)
  assert.deepEqual(processesWith(mark), [])
})

test('a reader that has seen enough ends the pods, and no process is left', async () => {
  const mark = `vk-pipe-${process.pid}-${Date.now()}`
  const script = `while :; do echo ${mark}; sleep 0.1; done`
  await using cli = new CliProcess(['run', '-'], { input: job('talks', { script }) })
  await cli.says(new RegExp(`talks-0-\\S+ \\| ${mark}`))
  cli.child.stdout?.destroy()
  assert.equal((await cli.ended).code, 141)
  assert.deepEqual(processesWith(mark), [])
})

test('mistakes are one line and exit code 2', async () => {
  const unknown = 'apiVersion: v1\nkind: Frob\nmetadata: { name: x }\n'
  const results = await Promise.all([
    runCli(['run', '-'], { input: `${unknown}---\n${job('a', { script: 'true' })}` }),
    runCli(['run', '/does/not/exist.yaml']),
    runCli(['run', '-'], { input: unknown }),
    runCli(['run', '-', '--provider', 'dokcer'], { input: job('a', { script: 'true' }) }),
    runCli(['run', '-'], { input: job('a', { script: 'true' }).replace('"host"', '"nginx"') }),
  ])
  const expected = [
    /Cannot use kind Frob of v1: the API server at \S+ does not have it/,
    /Cannot read "\/does\/not\/exist\.yaml"/,
    /Cannot run this: no object in it makes pods/,
    /Cannot use provider "dokcer"/,
    /^Cannot run job\/a: spec\.containers\[0\]: Cannot use image "nginx": .*\nProvider process will never run this\. /,
  ]
  for (const [index, { code, stderr }] of results.entries()) {
    assert.equal(code, 2)
    assert.match(stderr, expected[index] ?? /^$/)
    assert.doesNotMatch(stderr, /\n\s+at /)
  }
})

test('what never ends by itself is said, and a time limit fails the run', async () => {
  await using dir = await temporaryDir()
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'server' },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'host', command: ['sleep', '1000'] }],
    },
  }
  const { code, stderr } = await runCli(['run', '-', '--timeout', '1s'], {
    input: JSON.stringify(pod),
    env: { TMPDIR: dir.path },
  })
  assert.equal(code, 1)
  assert.match(stderr, /Nothing here ends by itself: runs until Ctrl-C/)
  assert.match(stderr, /It was not over after 1 s/)
  assert.deepEqual(readdirSync(dir.path), [])
})

/** A folder of its own for what the command keeps while it runs. */
async function temporaryDir() {
  const dir = await mkdtempDisposable(join(tmpdir(), 'vk-run-'))
  chmodSync(dir.path, 0o711)
  return dir
}
