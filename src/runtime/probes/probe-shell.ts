// SPDX-License-Identifier: Apache-2.0
// To get into a container costs a runtime several processes, or a conversation with a daemon; a probe
// does it every few seconds for ever. From the second time on the commands of one probe are run by a shell
// that was left in the container and reads them from a pipe: no more than a fork. Where there is no shell,
// or anything is odd about an answer, the command is run the usual way. The shell ends with the probe, with
// the container, and with us, because its input ends.
import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ProcessStreams } from '../../provider/streams.ts'
import type { ExecResult } from './exec-in-container.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import { OutputHead } from './output-head.ts'

/** Starts a shell in the container, with all three streams; it ends with the signal. */
export type StartShell = (signal: AbortSignal) => Promise<ProcessStreams>

/** What a shell answers for what it cannot run; whether that is so is found out without it. */
const cannotRun = new Set([126, 127])

/** No exit code is as long. */
const maxLineBytes = 8

/** The commands of one probe of one run. */
export class ProbeShell {
  readonly #start: StartShell
  readonly #lifetime: AbortSignal
  #session: ShellSession | undefined
  #uses = 0
  #isHopeless = false

  constructor(start: StartShell, lifetime: AbortSignal) {
    this.#start = start
    this.#lifetime = lifetime
  }

  /**
   * The end of the command; undefined when it has to be run the usual way. Rejects with the signal's reason,
   * and the command is ended.
   */
  async run(
    command: readonly string[],
    { signal, maxOutputBytes }: { readonly signal: AbortSignal; readonly maxOutputBytes: number },
  ): Promise<ExecResult | undefined> {
    const [name = ''] = command
    this.#uses += 1
    if (this.#uses === 1 || this.#isHopeless || name === '' || name.startsWith('-'))
      return undefined
    try {
      if (this.#session?.hasEnded) this.#session = undefined
      this.#session ??= await ShellSession.open(this.#start, { lifetime: this.#lifetime, signal })
      const result = await this.#session.run(command, { signal, maxOutputBytes })
      if (!cannotRun.has(result.exitCode)) return result
      this.#isHopeless = true
      this.#close()
      return undefined
    } catch (error) {
      // Without an answer at all there will be none next time either.
      if (!this.#session?.hasAnswered) this.#isHopeless = true
      this.#close()
      if (signal.aborted) throw error
      return undefined
    }
  }

  #close(): void {
    this.#session?.[Symbol.dispose]()
    this.#session = undefined
  }
}

/** One shell. It does one thing after the other. */
class ShellSession implements Disposable {
  hasAnswered: boolean = false
  hasEnded: boolean = false
  readonly #streams: ProcessStreams
  readonly #ending: AbortController
  readonly #lifetime: AbortSignal
  readonly #onLifetime = (): void => this.#ending.abort()
  /** The shell says how the command ended. */
  #answered = Promise.withResolvers<number>()
  #line = ''
  #isAsked = false
  #output = new OutputHead(0)

  private constructor(
    streams: ProcessStreams,
    { ending, lifetime }: { readonly ending: AbortController; readonly lifetime: AbortSignal },
  ) {
    this.#streams = streams
    this.#ending = ending
    this.#lifetime = lifetime
    lifetime.addEventListener('abort', this.#onLifetime, { once: true })
    streams.stdout?.on('data', (chunk: Buffer) => this.#read(chunk))
    streams.stderr?.on('data', (chunk: Buffer) => this.#output.add(chunk))
    for (const stream of [streams.stdin, streams.stdout, streams.stderr]) {
      stream?.on('error', () => {
        // Its end follows.
      })
    }
    const fail = (): void => {
      this.hasEnded = true
      this.#answered.reject(new Error('the shell has ended'))
    }
    void streams.exited.then(fail)
    streams.stdout?.on('close', fail)
    this.#answered.promise.catch(() => {
      // Nobody has asked yet.
    })
    if (!streams.stdin || !streams.stdout) fail()
  }

  static async open(
    start: StartShell,
    { lifetime, signal }: { readonly lifetime: AbortSignal; readonly signal: AbortSignal },
  ): Promise<ShellSession> {
    const ending = new AbortController()
    const starting = start(ending.signal)
    try {
      return new ShellSession(await untilAborted(starting, signal), { ending, lifetime })
    } catch (error) {
      ending.abort()
      // A shell that starts after all has ended by then; what is left are its pipes.
      void starting.then(leave, () => {})
      throw error
    }
  }

  async run(
    command: readonly string[],
    { signal, maxOutputBytes }: { readonly signal: AbortSignal; readonly maxOutputBytes: number },
  ): Promise<ExecResult> {
    // What the command before has said lies in the pipe at the latest when its end is told: it is read by now.
    await nextTurn()
    const mark = randomUUID()
    const output = new OutputHead(maxOutputBytes, mark)
    this.#output = output
    this.#answered = Promise.withResolvers<number>()
    this.#answered.promise.catch(() => {
      // Whoever waits for it is told.
    })
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      if (this.hasEnded) throw new Error('the shell has ended')
      this.#isAsked = true
      this.#streams.stdin?.write(lineFor(command, mark))
      const exitCode = await Promise.race([this.#answered.promise, aborted])
      this.hasAnswered = true
      // The mark comes after all that the command has said, on the same way.
      if (exitCode !== 0) await Promise.race([output.marked, aborted])
      return { exitCode, output: exitCode === 0 ? '' : output.text }
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  [Symbol.dispose](): void {
    this.#lifetime.removeEventListener('abort', this.#onLifetime)
    this.#ending.abort()
    leave(this.#streams)
  }

  /**
   * A line for each command and not a byte more. Programs of the container's user can write here as well, at any
   * time and without an end: then it is over, and nothing of it is kept.
   */
  #read(chunk: Buffer): void {
    if (this.hasEnded) return
    this.#line += chunk.toString('latin1', 0, maxLineBytes)
    if (this.#isAsked && /^\d{0,3}$/.test(this.#line)) return
    const [, exitCode] = /^(\d{1,3})\n$/.exec(this.#line) ?? []
    this.#line = ''
    if (this.#isAsked && exitCode !== undefined && chunk.length < maxLineBytes) {
      this.#isAsked = false
      this.#answered.resolve(Number(exitCode))
      return
    }
    this.hasEnded = true
    this.#answered.reject(new Error('no exit code'))
    this[Symbol.dispose]()
  }
}

function leave({ stdin, stdout, stderr }: ProcessStreams): void {
  for (const stream of [stdin, stdout, stderr]) stream?.destroy()
}

/** What the command says goes where nobody looks for exit codes. */
function lineFor(command: readonly string[], mark: string): string {
  const words = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  return `(exec ${words}) </dev/null >&2;s=$?;[ $s = 0 ]||echo ${mark} >&2;echo $s\n`
}
