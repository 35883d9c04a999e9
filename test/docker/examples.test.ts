// SPDX-License-Identifier: Apache-2.0
//
// What a user types with an engine at hand: `run` with the examples for engines, and `up` with the provider's
// own example and kubectl. Their image is there already, under its public name; nothing is pulled.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '../e2e/eventually.ts'
import { findKubectl, kubectlSkipReason } from '../e2e/find-kubectl.ts'
import { forwardedPort } from '../e2e/stream-pods.ts'
import { CliProcess, runCli, type CliResult } from '../support/cli-process.ts'
import { busyboxArchive } from './test-image.ts'
import { describeEngines } from './use-engine.ts'

const root = join(import.meta.dirname, '../..')
const execute = promisify(execFile)

describeEngines('as a user types it', (engine) => {
  let folder = ''
  before(async () => {
    await engine.daemon.api.load(busyboxArchive('docker.io/library/busybox:1.36').bytes)
    folder = await mkdtemp(join(tmpdir(), 'vk-user-'))
  })
  after(async () => await rm(folder, { recursive: true, force: true }))

  const env = (): Readonly<Record<string, string>> => ({
    DOCKER_HOST: engine.daemon.host,
    HOME: folder,
    TMPDIR: folder,
    VK_DATA_DIR: join(folder, 'data'),
    KUBECONFIG: join(folder, 'data/kubeconfig'),
  })
  const run = async (example: string, ...args: readonly string[]): Promise<CliResult> => {
    const file = join(root, 'examples', example)
    return await runCli(['run', '--provider', 'docker', file, ...args], { env: env() })
  }
  /** Of the table at the end, without what differs from run to run. */
  const rowsOf = ({ stdout }: CliResult): readonly string[] => {
    const rows = stdout.split('\n').flatMap((line) => {
      const [, name, phase, code] = /^(\w+(?:-\d)?)-\w{5} +node-1 +(\w+) +(\d+) /.exec(line) ?? []
      return name && phase && code ? [`${name} ${phase} ${code}`] : []
    })
    return rows.toSorted((one, other) => one.localeCompare(other))
  }

  test('the smallest example says hello', async () => {
    const result = await run('containers/hello.yaml')
    assert.equal(result.code, 0, result.stderr)
    assert.match(result.stdout, /^hello-\w+ \| hello from hello-\w+$/m)
    assert.deepEqual(rowsOf(result), ['hello Succeeded 0'])
  })

  test('pods with a sidecar, volumes and an ordinary user count words', async () => {
    const result = await run('containers/words.yaml')
    assert.equal(result.code, 0, result.stderr)
    for (const [line, words] of [10, 8, 11].entries()) {
      const expected = new RegExp(
        `^words-${line}-\\w+/count \\| line ${line} has ${words} words$`,
        'm',
      )
      assert.match(result.stdout, expected)
    }
    const expected = [0, 1, 2].map((index) => `words-${index} Succeeded 0`)
    assert.deepEqual(rowsOf(result), expected)
  })

  test('a piece that fails fails the run, with its exit code in the table', async () => {
    const result = await run('containers/flaky.yaml')
    assert.equal(result.code, 1)
    assert.match(result.stderr, /^job\/flaky failed/m)
    const codes = [0, 0, 0, 0, 3, 0]
    assert.deepEqual(
      rowsOf(result),
      codes.map((code, index) => `flaky-${index} ${code ? 'Failed' : 'Succeeded'} ${code}`),
    )
  })

  test('an example for host processes says what is wrong with its image', async () => {
    const result = await run('batch/hello.yaml')
    assert.equal(result.code, 2)
    assert.match(result.stderr, /image "host" means this machine, to the process provider only/)
  })

  test('an engine that is not there is told of in one line', async () => {
    const host = `unix://${folder}/none.sock`
    const file = join(root, 'examples/containers/hello.yaml')
    const args = ['run', '--provider', 'docker', file]
    const { code, stderr } = await runCli(args, { env: { ...env(), DOCKER_HOST: host } })
    assert.equal(code, 2)
    assert.match(stderr, /^Cannot reach the engine at .*: there is no such socket$/m)
    assert.doesNotMatch(stderr, /^ +at /m)
  })

  test(
    'up, and kubectl with all that it can do to a pod',
    { skip: kubectlSkipReason },
    async () => {
      await using up = new CliProcess(['up', '--provider', 'docker'], { env: env() })
      await up.says(/The cluster is up/)
      const kubectl = async (...args: readonly string[]): Promise<string> => {
        const options = { env: { ...env(), PATH: process.env['PATH'] ?? '' } }
        return (await execute(findKubectl(), [...args], options)).stdout
      }
      await kubectl('apply', '-f', join(root, 'src/providers/docker/example.yaml'))
      await kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=300s')
      assert.match(await kubectl('exec', 'web', '-c', 'server', '--', 'id'), /^uid=1000/)
      const failing = kubectl('exec', 'web', '--', 'sh', '-c', 'exit 7')
      await assert.rejects(failing, (error: { code?: unknown }) => error.code === 7)
      await copyThereAndBack(kubectl, folder)
      await eventually(
        async () => (await kubectl('logs', 'web', '-c', 'client')).includes('hello'),
        {
          what: 'the client to be answered',
        },
      )
      await forwardTo(['port-forward', 'web', ':8080'], env())
      await eventually(async () => /^web +\d+m +\d+Mi/m.test(await kubectl('top', 'pod')), {
        what: 'figures of the pod',
      })
      await kubectl('delete', 'pod', 'web')
      up.child.kill('SIGTERM')
      assert.equal((await up.ended).code, 0)
    },
  )
})

type Kubectl = (...args: readonly string[]) => Promise<string>

async function copyThereAndBack(kubectl: Kubectl, folder: string): Promise<void> {
  const [there, back] = [join(folder, 'there'), join(folder, 'back')]
  await writeFile(there, 'copied')
  await kubectl('cp', there, 'web:/tmp/file', '-c', 'client')
  await kubectl('cp', 'web:/tmp/file', back, '-c', 'client')
  assert.equal(await readFile(back, 'utf8'), 'copied')
}

async function forwardTo(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const abort = new AbortController()
  const child = execFile(findKubectl(), [...args], { env, signal: abort.signal }, () => {})
  assert.ok(child.stdout)
  try {
    const port = await forwardedPort(child.stdout)
    const answer = await fetch(`http://127.0.0.1:${port}/`)
    assert.match(await answer.text(), /^hello from web/)
  } finally {
    abort.abort()
  }
}
