// SPDX-License-Identifier: Apache-2.0
// A real shell behind real pipes, as one that a runtime starts in a container.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { tries } from '../../../test/support/test-size.ts'
import type { ProcessExit, ProcessStreams } from '../../provider/streams.ts'
import type { ExecResult } from './exec-in-container.ts'
import { ProbeShell } from './probe-shell.ts'

const unixOnly = process.platform === 'win32' ? 'it needs a shell' : false

class World implements Disposable {
  readonly lifetime = new AbortController()
  readonly children: ChildProcess[] = []
  shellCommand: readonly [string, ...string[]] = ['sh']
  readonly shell = new ProbeShell((signal) => this.#start(signal), this.lifetime.signal)

  async run(
    command: readonly string[],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<ExecResult | undefined> {
    return await this.shell.run(command, { signal, maxOutputBytes: 100 })
  }

  /** The first command is never the shell's. */
  async begin(): Promise<this> {
    assert.equal(await this.run(['true']), undefined)
    assert.equal(this.children.length, 0)
    return this
  }

  async #start(signal: AbortSignal): Promise<ProcessStreams> {
    const [file, ...args] = this.shellCommand
    const child = spawn(file, args, { detached: true })
    this.children.push(child)
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once('close', (code) => resolve({ exitCode: code ?? 137 }))
    })
    await once(child, 'spawn')
    signal.addEventListener('abort', () => end(child), { once: true })
    const { stdin, stdout, stderr } = child
    return { stdin, stdout, stderr, resize: () => {}, exited }
  }

  [Symbol.dispose](): void {
    for (const child of this.children) end(child)
  }
}

/** With all that it has started, as a runtime does. */
function end({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

test('from the second time on commands are run by one shell', { skip: unixOnly }, async () => {
  using world = await new World().begin()
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await world.run(['true']), { exitCode: 0, output: '' })
  }
  const failing = ['sh', '-c', 'echo out; echo err >&2; exit 3']
  assert.deepEqual(await world.run(failing), { exitCode: 3, output: 'out\nerr\n' })
  for (let i = 0; i < tries(50, 10); i++) {
    assert.deepEqual(await world.run(['echo', 'unheard']), { exitCode: 0, output: '' })
    assert.deepEqual(await world.run(['false']), { exitCode: 1, output: '' })
  }
  assert.equal(world.children.length, 1)
})

test(
  'a program that writes where the shell answers ends it, and nothing of it is kept',
  { skip: unixOnly },
  async () => {
    for (const text of ['y'.repeat(100_000), '0\n', '0\n'.repeat(100_000)]) {
      using world = await new World().begin()
      assert.deepEqual(await world.run(['true']), { exitCode: 0, output: '' })
      const [shell] = world.children
      assert.ok(shell?.stdout)
      const closed = once(shell, 'close')
      // As somebody does who has opened the shell's own output.
      shell.stdout.emit('data', Buffer.from(text))
      await closed
      assert.ok(shell.stdout.destroyed)
      assert.equal((await world.run(['false']))?.exitCode, 1)
      assert.equal(world.children.length, 2)
    }
  },
)

test('words reach the command as they are', { skip: unixOnly }, async () => {
  using world = await new World().begin()
  const word = fc.string({
    unit: fc.constantFrom('a', "'", '"', '\\', '\n', '$', '`', ' ', 'é', '-'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 4 }), async (words) => {
      const script = 'printf "%s|" "$@"; exit 1'
      const result = await world.run(['sh', '-c', script, 'name', ...words])
      const said = Buffer.from([...words, ''].join('|') || '|')
      assert.equal(result?.output, said.subarray(0, 100).toString())
    }),
    { numRuns: tries(60, 15) },
  )
  assert.equal(world.children.length, 1)
})

test(
  'a lot of output is cut, and does not disturb what comes after it',
  { skip: unixOnly },
  async () => {
    using world = await new World().begin()
    const much = 'head -c 1000000 /dev/zero | tr "\\0" x; exit 1'
    const { output } = (await world.run(['sh', '-c', much])) ?? {}
    assert.equal(output, 'x'.repeat(100))
    assert.deepEqual(await world.run(['sh', '-c', 'echo y; exit 2']), {
      exitCode: 2,
      output: 'y\n',
    })
  },
)

test('a command reads nothing of what the shell is told', { skip: unixOnly }, async () => {
  using world = await new World().begin()
  assert.deepEqual(await world.run(['sh', '-c', 'cat; exit 1']), { exitCode: 1, output: '' })
})

test(
  'what the shell cannot run is run the usual way from then on',
  { skip: unixOnly },
  async () => {
    using world = await new World().begin()
    for (let i = 0; i < 3; i++) assert.equal(await world.run(['no-such-program']), undefined)
    assert.equal(await world.run(['true']), undefined)
    assert.equal(world.children.length, 1)
    await once(world.children[0] as ChildProcess, 'close')
  },
)

test(
  'where there is no shell, or one that is none, nobody insists',
  { skip: unixOnly },
  async () => {
    for (const command of [['/no/such/shell'], ['cat'], ['true'], ['yes']] as const) {
      using world = await new World().begin()
      world.shellCommand = command
      assert.equal(await world.run(['true']), undefined, command[0])
      assert.equal(await world.run(['true']), undefined)
      assert(world.children.length <= 1)
    }
  },
)

test('a shell that was killed is started again', { skip: unixOnly }, async () => {
  using world = await new World().begin()
  await world.run(['true'])
  assert.equal(await world.run(['sh', '-c', 'kill -9 $PPID']), undefined)
  assert.deepEqual(await world.run(['true']), { exitCode: 0, output: '' })
  world.children[1]?.kill('SIGKILL')
  await once(world.children[1] as ChildProcess, 'close')
  assert.deepEqual(await world.run(['true']), { exitCode: 0, output: '' })
  assert.equal(world.children.length, 3)
})

test('a command that is given up ends with its shell', { skip: unixOnly }, async () => {
  using world = await new World().begin()
  await world.run(['true'])
  const limit = new AbortController()
  const running = world.run(['sleep', '600'], limit.signal)
  limit.abort(new Error('time is up'))
  await assert.rejects(running, { message: 'time is up' })
  await once(world.children[0] as ChildProcess, 'exit')
  assert.deepEqual(await world.run(['true']), { exitCode: 0, output: '' })
})

test('the shell ends with its probe, and with us', { skip: unixOnly }, async () => {
  using world = await new World().begin()
  await world.run(['true'])
  const [child] = world.children
  world.lifetime.abort()
  await once(child as ChildProcess, 'exit')
  using other = await new World().begin()
  await other.run(['true'])
  other.children[0]?.stdin?.end()
  await once(other.children[0] as ChildProcess, 'exit')
})

test('a shell that starts when nobody waits for it any more leaves no pipes open', async () => {
  const starting = Promise.withResolvers<ProcessStreams>()
  const shell = new ProbeShell(() => starting.promise, new AbortController().signal)
  const limit = new AbortController()
  const options = { signal: limit.signal, maxOutputBytes: 0 }
  assert.equal(await shell.run(['true'], options), undefined)
  const running = shell.run(['true'], options)
  limit.abort(new Error('time is up'))
  await assert.rejects(running, { message: 'time is up' })
  const pipes = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const closed = Object.values(pipes).map((pipe) => once(pipe, 'close'))
  starting.resolve({ ...pipes, resize: () => {}, exited: new Promise(() => {}) })
  await Promise.all(closed)
})
