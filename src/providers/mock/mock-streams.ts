// SPDX-License-Identifier: Apache-2.0
// Exec, attach and port-forward of containers in which nothing runs: a handful of commands that are
// enough to try streams out, and ports that send back what they get.
import { PassThrough } from 'node:stream'
import type {
  ExecOptions,
  PortConnection,
  ProcessExit,
  ProcessStreams,
  StreamChoice,
} from '../../provider/streams.ts'
import { onceWritable } from '../../util/once-writable.ts'
import { VkError } from '../../util/vk-error.ts'

/** The streams that a command works on; those that nobody asked for lead nowhere. */
interface MockStreams {
  readonly stdin: PassThrough
  readonly stdout: PassThrough
  readonly stderr: PassThrough
}

type MockCommand = (streams: MockStreams, args: readonly string[]) => Promise<number>

const commands: Readonly<Record<string, MockCommand>> = {
  async echo({ stdout }, args) {
    stdout.write(`${args.join(' ')}\n`)
    return 0
  },
  async cat({ stdin, stdout }) {
    for await (const bytes of stdin) await written(stdout, bytes as Buffer)
    return 0
  },
  true: async () => 0,
  false: async () => 1,
  /** Ends with the code given, and says so. */
  async exit({ stderr }, [code = '0']) {
    stderr.write(`exit ${code}\n`)
    return Number(code) & 255
  },
}

/** Runs one of the commands; throws for any other. */
export function mockExec(options: ExecOptions, signal: AbortSignal): ProcessStreams {
  const [name = '', ...args] = options.command
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command) return started(options, { signal, run: (streams) => command(streams, args) })
  const known = Object.keys(commands).join(', ')
  throw new VkError(
    'NotFound',
    `exec: ${JSON.stringify(name)}: executable file not found in $PATH (a mock has ${known})`,
  )
}

/** A main process that sends back what it is sent, until `ended` resolves. */
export function mockAttach(
  choice: StreamChoice,
  { ended, signal }: { readonly ended: Promise<void>; readonly signal: AbortSignal },
): ProcessStreams {
  return started(choice, {
    signal,
    async run({ stdin, stdout }) {
      stdin.on('data', (bytes: Buffer) => stdout.write(bytes))
      await ended
      return 0
    },
  })
}

/** A port that sends back what it gets. */
export function mockPort(signal: AbortSignal): PortConnection {
  const connection = new PassThrough()
  signal.addEventListener('abort', () => connection.destroy(), { once: true })
  return connection
}

function started(
  choice: StreamChoice,
  {
    run,
    signal,
  }: { readonly run: (streams: MockStreams) => Promise<number>; readonly signal: AbortSignal },
): ProcessStreams {
  const streams = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  }
  const { stdin, stdout, stderr } = streams
  if (!choice.stdin) stdin.end()
  if (!choice.stdout) stdout.resume()
  if (!choice.stderr) stderr.resume()
  return {
    ...(choice.stdin && { stdin }),
    ...(choice.stdout && { stdout }),
    ...(choice.stderr && { stderr }),
    resize: () => {},
    exited: untilEnd(streams, { run, signal }),
  }
}

/** Ends with the command or, killed, with the client. */
async function untilEnd(
  streams: MockStreams,
  {
    run,
    signal,
  }: { readonly run: (streams: MockStreams) => Promise<number>; readonly signal: AbortSignal },
): Promise<ProcessExit> {
  const killed = Promise.withResolvers<number>()
  const kill = (): void => killed.resolve(137)
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  const exitCode = await Promise.race([run(streams).catch(() => 1), killed.promise])
  signal.removeEventListener('abort', kill)
  streams.stdin.destroy()
  streams.stdout.end()
  streams.stderr.end()
  return { exitCode }
}

async function written(stream: PassThrough, bytes: Buffer): Promise<void> {
  if (stream.write(bytes)) return
  await new Promise<void>((resolve) => onceWritable(stream, resolve))
}
