// SPDX-License-Identifier: Apache-2.0
// Which streams a request for exec or attach asks for, in the words of the API server.
import type { StreamChoice } from '../../../provider/streams.ts'

/** The streams; undefined when none is selected, which the kubelet refuses. */
export function streamChoiceOf(query: URLSearchParams): StreamChoice | undefined {
  const isSet = (name: string): boolean => query.get(name) === '1'
  const tty = isSet('tty')
  const choice = {
    stdin: isSet('input'),
    stdout: isSet('output'),
    // A terminal has one output.
    stderr: isSet('error') && !tty,
    tty,
  }
  return choice.stdin || choice.stdout || choice.stderr ? choice : undefined
}

/** What is answered, with status 400, when no stream is selected. */
export const noStreamText = 'you must specify at least 1 of stdin, stdout, stderr'
