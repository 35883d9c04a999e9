// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as commands that run pods take it: the first ends the pods with their grace, the second hardly
// waits for them, the third ends this process where it stands.
import { constants } from 'node:os'
import { onDistinctSignal } from './distinct-signals.ts'

export interface EscalatingStop extends Disposable {
  /** Aborts at the first signal. */
  readonly first: AbortSignal
  /** Aborts at the second. */
  readonly second: AbortSignal
  /** What the process exits with when it was stopped: 130 after Ctrl-C. */
  readonly exitCode: number
  /** Stops as the first signal does; the process then exits with `exitCode`. */
  stop(exitCode: number): void
  /** Who tells the user what happens now. */
  onPress(say: (line: string) => void): void
}

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What a person is told at the first and at the second signal. */
export interface StopWords {
  readonly first: string
  readonly second: string
}

const usualWords: StopWords = {
  first: 'Stopping: the pods end with their grace; again ends them at once',
  second: 'Stopping at once; a third time leaves what still runs',
}

/** Listens until disposed. */
export function escalatingStop(words: StopWords = usualWords): EscalatingStop {
  const first = new AbortController()
  const second = new AbortController()
  let exitCode = 1
  let say = (line: string): void => void process.stderr.write(`${line}\n`)
  const onSignal = (name: NodeJS.Signals): void => {
    exitCode = 128 + constants.signals[name]
    if (!first.signal.aborted) {
      say(words.first)
      first.abort(new DOMException(`Stopped by ${name}`, 'AbortError'))
    } else if (!second.signal.aborted) {
      say(words.second)
      second.abort(new DOMException(`Stopped by ${name}`, 'AbortError'))
    } else {
      process.exit(exitCode)
    }
  }
  const listening = onDistinctSignal(names, onSignal)
  return {
    first: first.signal,
    second: second.signal,
    get exitCode() {
      return exitCode
    },
    stop: (code) => {
      exitCode = code
      first.abort(new DOMException('Stopped', 'AbortError'))
    },
    onPress: (next) => {
      say = next
    },
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  }
}
