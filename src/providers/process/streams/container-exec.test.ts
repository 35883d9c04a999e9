// SPDX-License-Identifier: Apache-2.0
// Commands beside real processes.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { collectProcess, OutputReader } from '../../../../test/support/collected-process.ts'
import { ended, eventually, pidOf } from '../../../../test/support/process-probes.ts'
import { containerUid, isRoot, processWorld } from '../../../../test/support/process-runtime.ts'
import type { ProcessWorld } from '../../../../test/support/process-runtime.ts'
import { noSandbox } from '../../../../test/support/sandbox-world.ts'
import type { StreamChoice } from '../../../provider/streams.ts'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import { VkError } from '../../../util/vk-error.ts'
import { shellProgram } from '../final-step.ts'
import type { ProcessRuntime } from '../process-runtime.ts'
import { parseLaunchInput } from './container-context.ts'

const linuxOnly = process.platform === 'linux' ? false : 'commands are run on Linux only'
const all = { stdin: true, stdout: true, stderr: true, tty: false }

interface ExecInWords extends Partial<StreamChoice> {
  readonly command: readonly string[]
  readonly runtime?: ProcessRuntime
  readonly signal?: AbortSignal
  readonly endsWithCaller?: boolean
}

async function exec(world: ProcessWorld, start: ContainerStart, what: ExecInWords) {
  const { runtime = world.runtime, signal = world.context.signal, ...options } = what
  const { key, spec } = start
  return await runtime.exec(key, { ...all, ...options, spec }, { ...world.context, signal })
}

async function begin(
  world: ProcessWorld,
  what: Partial<Parameters<ProcessWorld['start']>[0]> = {},
): Promise<ContainerStart> {
  const start = world.start({ command: ['sleep', '60'], ...what })
  await world.runtime.startContainer(start, world.context)
  return start
}

test('a command has the input, the outputs and the exit code', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const command = ['sh', '-c', 'cat; echo err >&2; exit 3']
  const result = await collectProcess(await exec(world, start, { command }), 'input')
  assert.deepEqual(result, { stdout: 'input', stderr: 'err\n', exitCode: 3 })
})

test('a command has the environment, directory and user of its container, after a restart of ours too', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const env = { PLAIN: `it's\na "b"`, EMPTY: '', PATH: '/usr/bin:/bin' }
  const start = await begin(world, { env, spec: { workingDir: '/usr' } })
  const command = ['sh', '-c', 'pwd; id -u; tr "\\0" "\\n" </proc/self/environ']
  for (const runtime of [world.runtime, await world.reopen()]) {
    const { stdout } = await collectProcess(await exec(world, start, { command, runtime }))
    const [pwd, uid, ...variables] = stdout.split('\n')
    assert.deepEqual([pwd, uid], ['/usr', String(containerUid)])
    for (const line of `PLAIN=it's\na "b"\nEMPTY=\nPATH=/usr/bin:/bin`.split('\n')) {
      assert.ok(variables.includes(line), line)
    }
  }
})

test('variables that no shell hands on, and ones that shells change, come through', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const env = { 'app.conf': 'x=1\ny', UID: '7', IFS: 'x', PWD: '/never', PS4: 'p' }
  const start = await begin(world, { env })
  const read = await exec(world, start, { command: ['cat', '/proc/self/environ'] })
  const { stdout } = await collectProcess(read)
  const found = new Set(stdout.split('\0'))
  for (const [name, value] of Object.entries(env)) assert.ok(found.has(`${name}=${value}`), name)
})

test('no step that has our rights sees a variable of the pod', async (t) => {
  if (linuxOnly || !isRoot) return t.skip('it needs root on Linux')
  await using world = await processWorld()
  // A library that cannot be loaded is complained about by every program that starts with it.
  const start = await begin(world, { env: { LD_PRELOAD: '/nowhere/evil.so' } })
  const { stderr, stdout } = await collectProcess(
    await exec(world, start, { command: ['/bin/echo', 'ok'] }),
  )
  assert.equal(stdout, 'ok\n')
  assert.equal(stderr.match(/evil\.so/g)?.length, 1, stderr)
})

test('a command has three descriptors and belongs to the groups of its container', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const pid = await pidOf(world, start.key)
  // In no pipeline, of which the shell has ends open for a moment; and not the last, in whose place it would go.
  const script = 'cat /proc/self/cgroup; ls /proc/$$/fd; :'
  const { stdout } = await collectProcess(
    await exec(world, start, { command: ['sh', '-c', script] }),
  )
  const lines = stdout.trimEnd().split('\n')
  assert.deepEqual(lines.splice(-3), ['0', '1', '2'])
  assert.equal(`${lines.join('\n')}\n`, await readFile(`/proc/${pid}/cgroup`, 'utf8'))
})

test('streams are pipes that can be opened anew', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const script = 'cat /dev/stdin >/dev/stdout; echo err >/dev/stderr; stat -Lc %F /dev/stdin'
  const result = await collectProcess(
    await exec(world, start, { command: ['sh', '-c', script] }),
    'in ',
  )
  assert.deepEqual(result, { stdout: 'in fifo\n', stderr: 'err\n', exitCode: 0 })
})

test('streams that nobody asked for lead nowhere', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const choice = { stdin: false, stderr: false }
  const run = await exec(world, start, {
    command: ['sh', '-c', 'cat; echo x >&2; echo out'],
    ...choice,
  })
  assert.equal(run.stdin, undefined)
  assert.equal((await collectProcess(run)).stdout, 'out\n')
})

test('a large amount passes both ways', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const input = 'x'.repeat(5 * 1024 * 1024)
  const { stdout } = await collectProcess(await exec(world, start, { command: ['cat'] }), input)
  assert.equal(stdout.length, input.length)
})

test('a command sees what its container sees of our folders', async (t) => {
  if (linuxOnly || !isRoot) return t.skip('it needs root on Linux')
  await using world = await processWorld({ allowRoot: true })
  await writeFile(join(world.dir, 'secret'), 'x')
  const start = await begin(world, { security: { runAsUser: 0 } })
  await pidOf(world, start.key)
  const command = ['cat', join(world.dir, 'secret')]
  const { exitCode, stderr } = await collectProcess(await exec(world, start, { command }))
  assert.match(stderr, /No such file/)
  assert.equal(exitCode, 1)
})

test('a signal is an exit code above 128', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const { exitCode } = await collectProcess(
    await exec(world, start, { command: ['sh', '-c', 'kill -TERM $$'] }),
  )
  assert.equal(exitCode, 143)
})

test('what cannot be started is told as container runtimes tell it', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const cases = [
    [['no-such-program'], /exec: "no-such-program": executable file not found in \$PATH/],
    [['/etc/passwd'], /permission denied/],
    [[], /you must specify a command/],
  ] as const
  for (const [command, message] of cases) {
    await assert.rejects(exec(world, start, { command }), (error: unknown) => {
      assert.ok(error instanceof VkError)
      assert.match(error.message, message)
      return true
    })
  }
  await assert.rejects(
    exec(world, world.start({ uid: 'other', command: [] }), { command: ['true'] }),
    /container not found \("main"\)/,
  )
})

test('a client that leaves ends its command and all that it has started', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const gone = new AbortController()
  const script = 'trap "" TERM HUP; sleep 1000 & echo $!; wait'
  const run = await exec(world, start, { command: ['sh', '-c', script], signal: gone.signal })
  const output = new OutputReader(run.stdout)
  await output.until((text) => text.endsWith('\n'))
  gone.abort()
  assert.equal((await run.exited).exitCode, 137)
  await eventually(async () => !(await exists(`/proc/${output.text.trim()}/exe`)))
})

test('a command ends with its container', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const run = await exec(world, start, { command: ['sleep', '1000'] })
  await world.runtime.stopContainer(start.key, { graceMs: 0 }, world.context)
  await ended(world.runtime, start.key)
  assert.ok((await run.exited).exitCode > 128)
})

test('a terminal is one, with its size, and belongs to the user', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const run = await exec(world, start, { command: ['sh'], tty: true, stderr: false })
  const output = new OutputReader(run.stdout)
  run.resize({ width: 101, height: 33 })
  run.stdin?.write('stty size; stat -c "%u" $(tty); echo $TERM\n')
  await output.until((text) => text.includes('xterm\r\n'))
  assert.match(output.text, /33 101\r\n/)
  assert.match(output.text, new RegExp(`^${containerUid}\r$`, 'm'))
  run.resize({ width: 7, height: 5 })
  run.stdin?.write('stty size; exit 4\n')
  assert.equal((await run.exited).exitCode, 4)
  await output.until((text) => text.includes('5 7\r\n'))
})

test('a client that leaves its terminal hangs up', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const gone = new AbortController()
  // It reads no input, at whose end it would go by itself.
  const command = ['sleep', '1000']
  const options = { command, tty: true, stderr: false, signal: gone.signal }
  const run = await exec(world, start, options)
  run.stdout?.resume()
  gone.abort()
  assert.ok((await run.exited).exitCode > 128)
})

test('a terminal in a sandbox has a name, sizes, keys and exit codes', async (t) => {
  if (linuxOnly || noSandbox || !isRoot) return t.skip('not here')
  await using world = await processWorld({ isolation: 'bubblewrap' })
  const start = await begin(world)
  const run = await exec(world, start, { command: ['sh'], tty: true, stderr: false })
  const output = new OutputReader(run.stdout)
  run.resize({ width: 101, height: 33 })
  run.stdin?.write('stty size; tty; stat -c "%u" $(tty)\n')
  await output.until((text) => new RegExp(`^${containerUid}\r$`, 'm').test(text))
  assert.match(output.text, /\/dev\/pts\/\d+\r\n/)
  assert.doesNotMatch(output.text, /[Ss]cript (started|done)/)
  run.resize({ width: 7, height: 5 })
  run.stdin?.write(`sh -c 'echo in""front; exec sleep 60'\n`)
  await output.until((text) => text.includes('infront\r\n'))
  // Ctrl-C reaches what is in front, and nothing else.
  run.stdin?.write('\u0003')
  run.stdin?.write('stty size; exit 4\n')
  assert.equal((await run.exited).exitCode, 4)
  await output.until((text) => text.includes('5 7\r\n'))
  const gone = new AbortController()
  const options = { command: ['cat'], tty: true, stderr: false, signal: gone.signal }
  const left = await exec(world, start, options)
  left.stdout?.resume()
  gone.abort()
  // By the hang-up, or because it read the end of its input before: whichever came first.
  await left.exited
})

test('what a launch was given is read back, whatever it holds', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)
  const value = fc.string({ unit: fc.constantFrom('a', "'", '\\', '\n', '$', '=', ' ', 'é') })
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), value, fc.array(value), (pairs, dir, args) => {
      const env = new Map(pairs)
      const program = { argv: ['x', ...args], workingDir: `/${dir}` } as const
      const text = shellProgram(program, { env, via: [], redirect: '</dev/null' })
      assert.deepEqual(parseLaunchInput(text), { workingDir: `/${dir}`, env })
    }),
  )
})

async function exists(path: string): Promise<boolean> {
  return await readFile(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'EISDIR',
  )
}

for (const isolation of ['none', 'bubblewrap'] as const) {
  test(`a hook ends with us, even when we are killed (isolation: ${isolation})`, async (t) => {
    if (linuxOnly || (isolation !== 'none' && noSandbox)) return t.skip('not here')
    await using place = await processWorld()
    const config = { isolation }
    const what = { uid: 'leashed', command: ['sleep', '60'] }
    // A name that no other test's process has.
    const seconds = `6${isolation.length}${process.pid}`
    const command = ['sh', '-c', `sleep ${seconds} & echo on; wait`]
    const orders = JSON.stringify({ config, starts: [what], command })
    const starter = new URL('../../../../test/support/process-starter.ts', import.meta.url).pathname
    const dir = join(place.dir, 'life')
    await mkdir(dir)
    const life = spawn(process.execPath, [starter, dir, orders], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    using _ = { [Symbol.dispose]: () => life.kill('SIGKILL') }
    const ended = once(life, 'exit').then(() => assert.fail('it ended before it was killed'))
    await Promise.race([once(life.stdout, 'data'), ended])
    // The shell has said so perhaps before its child has become the program.
    await eventually(async () => await isRunning(seconds))
    life.kill('SIGKILL')
    await eventually(async () => !(await isRunning(seconds)))
    await using world = await processWorld(config, { dir })
    const [container] = await world.runtime.listContainers()
    assert.equal(container?.state.kind, 'running')
  })
}

test('what a hook leaves behind goes on when it has ended by itself', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = await begin(world)
  const command = ['sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!']
  const { stdout } = await collectProcess(
    await exec(world, start, { command, stdin: false, endsWithCaller: true }),
  )
  const pid = Number(stdout)
  // It is over, with all that was to end with it, when somebody else has been asked after it.
  await collectProcess(await exec(world, start, { command: ['true'] }))
  assert.equal(process.kill(pid, 0), true)
  process.kill(pid)
})

/** Is there a `sleep` of so many seconds? */
async function isRunning(seconds: string): Promise<boolean> {
  for (const name of await readdir('/proc')) {
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (line === `sleep\0${seconds}\0`) return true
  }
  return false
}
