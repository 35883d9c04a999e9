// SPDX-License-Identifier: Apache-2.0
// Commands in the containers of a fake runtime: the test says how each ends, and sees who asked when.
import { Readable } from 'node:stream'
import type { ProcessExit } from '../../src/provider/streams.ts'
import type { ContainerKey, ContainerRuntime } from '../../src/runtime/container-runtime.ts'
import type { Clock } from '../../src/util/clock.ts'

export interface ExecCall {
  readonly key: ContainerKey
  readonly command: readonly string[]
  readonly atMs: number
}

/**
 * An exit code; an error when the command cannot be started; `hang` goes on until it is ended; `stall`
 * does as well, and is not even started before `stalled` resolves.
 */
export type ExecAnswer = number | 'hang' | 'stall' | Error

/** Every command so far, and the answers to come. */
export class FakeExec {
  readonly calls: ExecCall[] = []
  answer: (call: ExecCall) => ExecAnswer = () => 0
  output: string = ''
  readonly stalled: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  /** The output of the newest command. */
  stdout: Readable | undefined
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** For the runtime. */
  readonly exec: NonNullable<ContainerRuntime['exec']> = async (key, options, { signal }) => {
    const { command, stdin } = options
    // Nothing here could read commands from a pipe.
    if (stdin) throw new Error('exec: "sh": executable file not found in $PATH')
    const call = { key, command, atMs: this.#clock.nowMs() }
    this.calls.push(call)
    const answer = this.answer(call)
    if (answer instanceof Error) throw answer
    const exited = Promise.withResolvers<ProcessExit>()
    if (answer === 'stall') await this.stalled.promise
    if (typeof answer === 'string') {
      signal.addEventListener('abort', () => exited.resolve({ exitCode: 137 }), { once: true })
    } else {
      exited.resolve({ exitCode: answer })
    }
    this.stdout = Readable.from([Buffer.from(this.output)])
    return { stdout: this.stdout, resize: () => {}, exited: exited.promise }
  }
}
