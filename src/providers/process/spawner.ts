// SPDX-License-Identifier: Apache-2.0
// A small shell that forks for us. Node.js copies the tables of its whole memory for each child and waits
// until that has begun its program; a shell of 2 MB does it in a tenth of a millisecond, beside us. Nothing
// depends on its life: containers it has started run on without it, and the next start makes a new one.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../../util/clock.ts'
import { withPipes } from '../../util/child-pipes.ts'
import { VkError } from '../../util/vk-error.ts'
import { quote } from './environment.ts'
import { readProc } from './process-identity.ts'
import type { Surroundings } from './surroundings.ts'
import { wrapperFunction } from './wrapper.ts'

/** After so many shells in a row that did nothing of use there is no other try. */
const maxFailures = 3
const buryAfterMs = 1000
/** An argument of the shell and of its forks. */
const mark = 'virtual-kubelet-spawner'

/**
 * What the shell reads first. Then it takes lines such as `{ launch 21 '/dir' …; }`, whose words are the number
 * of our descriptor that holds the program and the wrapper's arguments, and `{ run 7 /usr/bin/mount …; }`, which
 * it answers by `7 <exit code>`. The braces: a line that our death has cut does nothing. Our descriptors are
 * named from a directory of /proc that is ours for good: once we are gone nothing is found in there, whoever
 * gets our pid.
 */
const script = `umask 077
trap : HUP INT QUIT TERM USR1 USR2 ALRM
cd "/proc/$PPID/fd" || exit 1
start_of() { start=\${20}; }
${wrapperFunction}launch() {
  jobs >/dev/null
  ( wrapper "$@" ) >/dev/null 2>&1 &
}
run() {
  id=$1
  shift
  "$@" >/dev/null 2>&1
  echo "$id $?"
}
`

export interface SpawnerOptions {
  readonly surroundings: Pick<Surroundings, 'tools' | 'strayDescriptors'>
  readonly clock: Clock
  /** Whose it is, for all who look at the machine's processes: its forks, the wrappers, have its arguments. */
  readonly dir: string
}

/** A launch that was handed to a shell. Disposed of before it is done it is held against the shell. */
export interface LaunchOrder extends Disposable {
  /** The launch was noted. */
  isDone: boolean
  /** The shell has ended, and may not have got to it. */
  readonly isLost: boolean
  /** Called once when it is lost. */
  onLost: () => void
}

interface Shell {
  readonly child: ChildProcess
  readonly input: Writable
  /** By the number of a `run`; undefined: the shell has ended. */
  readonly answers: Map<string, (code: number | undefined) => void>
  readonly orders: Set<() => void>
}

/** Forks shells and runs small programs, away from our own memory. */
export class Spawner implements Disposable {
  /** Words that give a stage a session, and INT and QUIT, which a shell's `&` ignores, their effect again. */
  readonly session: readonly string[]
  readonly #command: readonly string[]
  readonly #clock: Clock
  #shell: Shell | undefined
  #failures = 0
  #count = 0
  #burying: Disposable | undefined
  #isClosed = false

  private constructor(
    parts: { readonly session: readonly string[]; readonly command: readonly string[] },
    clock: Clock,
  ) {
    this.session = parts.session
    this.#command = parts.command
    this.#clock = clock
  }

  /** Undefined: this machine lacks what it takes. */
  static open({ surroundings, clock, dir }: SpawnerOptions): Spawner | undefined {
    const { env, setsid, shell, bash } = surroundings.tools
    if (process.platform !== 'linux' || env === undefined || setsid === undefined) return undefined
    const reading = [shell, '-s', mark, dir]
    // Only bash can close them.
    const closes = surroundings.strayDescriptors.map((descriptor) => `exec ${descriptor}>&-\n`)
    const isClosing = closes.length > 0 && bash !== undefined
    const command = isClosing
      ? [bash, '-c', `${closes.join('')}exec "$@"`, 'sh', ...reading]
      : reading
    const session = [env, '--default-signal=INT,QUIT', setsid]
    const spawner = new Spawner({ session, command }, clock)
    spawner.#living()
    return spawner
  }

  /** False: one after the other has died. */
  get isOfUse(): boolean {
    return !this.#isClosed && this.#failures < maxFailures
  }

  /**
   * Has a wrapper forked for what the descriptor of ours holds, which must stay open until the launch has
   * noted something.
   */
  launch(descriptor: number, words: readonly string[]): LaunchOrder {
    const text = line(['launch', String(descriptor), ...words])
    const shell = this.#living()
    let isLost = false
    const lose = (): void => {
      isLost = true
      order.onLost()
    }
    const order: LaunchOrder = {
      isDone: false,
      get isLost() {
        return isLost
      },
      onLost: () => {},
      [Symbol.dispose]: () => {
        shell.orders.delete(lose)
        release(shell)
        this.#failures = order.isDone ? 0 : this.#failures + 1
        // Whether it hangs or cannot do what it should, the next one may.
        if (!order.isDone) shell.child.kill('SIGKILL')
      },
    }
    shell.orders.add(lose)
    shell.child.ref()
    shell.input.write(text)
    return order
  }

  /**
   * Runs a program of the host, one after the other, without its output; rejects unless it exits with 0. A
   * program that is not waited for any longer is killed, and so is the shell: nothing else ends it where the
   * program cannot be killed.
   */
  async run(argv: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const shell = this.#living()
    const id = String((this.#count += 1))
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    shell.answers.set(id, resolve)
    shell.child.ref()
    shell.input.write(line(['run', id, ...argv]))
    const giveUp = (): void => {
      shell.answers.delete(id)
      this.#drop(shell)
      resolve(undefined)
    }
    signal.addEventListener('abort', giveUp)
    const code = await promise
    signal.removeEventListener('abort', giveUp)
    release(shell)
    if (code === undefined) signal.throwIfAborted()
    this.#failures = code === undefined ? this.#failures + 1 : 0
    if (code !== 0) throw new Error(`${argv[0]} ended with exit code ${code ?? 'unknown'}`)
  }

  /** A wrapper is about to end: the shell, its parent, is to take note of it. */
  buryDead(): void {
    if (this.#isClosed) return
    this.#burying ??= this.#clock.setTimer(buryAfterMs, () => {
      this.#burying = undefined
      this.#shell?.input.write('jobs >/dev/null\n')
    })
  }

  /** Lets the shell go; what it has started runs on. */
  [Symbol.dispose](): void {
    this.#isClosed = true
    this.#burying?.[Symbol.dispose]()
    this.#shell?.input.end()
  }

  #living(): Shell {
    this.#shell ??= this.#start()
    return this.#shell
  }

  #drop(shell: Shell): void {
    if (this.#shell === shell) this.#shell = undefined
    // Once the shell has ended, nobody knows what it ran.
    const tools = toolsOf(shell)
    shell.child.kill('SIGKILL')
    for (const pid of tools) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  #start(): Shell {
    const [file = '', ...args] = this.#command
    const child = withPipes(
      spawn(file, args, {
        argv0: 'sh',
        cwd: '/',
        env: {},
        detached: true,
        stdio: ['pipe', 'pipe', 'ignore'],
      }),
    )
    const shell: Shell = { child, input: child.stdin, answers: new Map(), orders: new Set() }
    const lose = (): void => {
      if (this.#shell === shell) this.#shell = undefined
      for (const answer of shell.answers.values()) answer(undefined)
      shell.answers.clear()
      for (const tell of shell.orders) tell()
    }
    child.once('exit', lose).once('error', lose).unref()
    // What it could not be told is known by its end.
    child.stdin.on('error', () => {})
    for (const stream of [child.stdin, child.stdout])
      (stream as unknown as { unref(): void }).unref()
    readAnswers(child.stdout, shell.answers)
    child.stdin.write(script)
    return shell
  }
}

/** While somebody waits it keeps us alive. */
function release({ child, answers, orders }: Shell): void {
  if (answers.size === 0 && orders.size === 0) child.unref()
}

/** What it runs for us. Its other children are wrappers, which have its own arguments. */
function toolsOf({ child: { pid } }: Shell): readonly number[] {
  if (pid === undefined) return []
  const children = readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
  return children.filter((one) => {
    const text = readProc(`${one}/cmdline`)
    return text !== '' && !text.includes(mark)
  })
}

/** One line for the shell, whatever is in the words. */
function line(words: readonly string[]): string {
  if (words.some((word) => word.includes('\0'))) {
    throw new VkError('Invalid', 'a path of the launch holds a character that no path can')
  }
  return `{ ${words.map(quote).join(' ')}; }\n`
}

function readAnswers(output: Readable, answers: Shell['answers']): void {
  let rest = ''
  output.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    for (const [id = '', code] of lines.map((one) => one.split(' '))) {
      answers.get(id)?.(Number(code))
      answers.delete(id)
    }
  })
}
