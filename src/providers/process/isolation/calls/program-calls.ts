// SPDX-License-Identifier: Apache-2.0
// The last calls before a container's program: its output, its filter, its directory, and itself. Where it cannot
// be run by its name, such as a script that names no interpreter, a shell tries, which also says why not.
import { type CallList, textStart } from './call-list.ts'
import { here } from './mount-calls.ts'

/** What a list ends with. The stage has opened, besides what is read: 3 to speak on, 4 input, 5 and 6 output. */
export interface LastProgram {
  /** Where it is, as its directory and root have it. */
  readonly file: string
  readonly argv: readonly string[]
  readonly workingDir: string
  /** `NAME=value`. */
  readonly env: readonly string[]
  readonly hasInput: boolean
  /** Of system calls; undefined: none. */
  readonly filter: Uint8Array | undefined
  /** Reads the text behind the list, and does the same. */
  readonly shell: readonly [string, ...string[]]
}

const closesOnExec = 0x8_0000
const brokenPipe = 13
const [defaultAction, ignoring] = [Buffer.alloc(32), Buffer.alloc(32)]
ignoring.writeUInt32LE(1, 0)
const largest = 0x7fff_ffff
/** Where the list stays open for the shell. */
const kept = 9

/** Says `started`, then becomes the program. */
export function addProgram(list: CallList, program: LastProgram): void {
  const { file, argv, workingDir, env, hasInput, filter, shell } = program
  addWord(list)
  addDescriptors(list, hasInput)
  if (filter) list.add('seccomp', [1, 0, { filter }], { complaint: 'cannot filter system calls' })
  const unable = list.label()
  list.add('chdir', [workingDir], { whenNegative: unable })
  list.add('execve', [file, { words: argv }, { words: env }], { whenNegative: 'next' })
  list.place(unable)
  if (hasInput) list.add('dup3', [0, 4, 0])
  list.add('dup3', [kept, 0, 0])
  list.add('execve', [shell[0], { words: shell }, { words: [] }])
}

/** Nobody may listen any more. */
function addWord(list: CallList): void {
  const word = Buffer.from('started\n')
  list.add('rt_sigaction', [brokenPipe, ignoring, 0, 8])
  list.add('write', [3, word, word.length], { whenNegative: 'next' })
  list.add('rt_sigaction', [brokenPipe, defaultAction, 0, 8])
}

function addDescriptors(list: CallList, hasInput: boolean): void {
  list.add('dup3', [0, kept, closesOnExec])
  list.add('lseek', [kept, textStart, 0])
  if (hasInput) list.add('dup3', [4, 0, 0])
  else {
    list.add('close', [0])
    // The lowest one that is free.
    list.add('openat', [here, '/dev/null', 0])
  }
  list.add('dup3', [5, 1, 0])
  list.add('dup3', [6, 2, 0])
  list.add('close_range', [3, kept - 1])
  list.add('close_range', [kept + 1, largest])
}
