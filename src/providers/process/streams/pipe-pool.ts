// SPDX-License-Identifier: Apache-2.0
// Pipes for a command's input and output. Node gives children sockets, which are no files: /dev/stdout
// cannot be opened anew, and bash takes a socket for a remote shell's and reads its start-up file. Node
// cannot make a pipe by itself, but a shell does for each here-document, and /proc hands them on. Named
// pipes would do worse: one whose writer has gone cannot be opened anew to read.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, fchownSync, openSync, readlinkSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { withPipes } from '../../../util/child-pipes.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { RunUser } from '../users.ts'

const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants
/** A shell names no others by a digit, and needs the first three itself. */
const descriptors = [3, 4, 5, 6, 7, 8]
const body = 'x\n'
/** Makes them, says so, and holds them until its input ends. */
const script = `exec ${descriptors.map((number) => `${number}<<E`).join(' ')}
${descriptors.map(() => `${body}E\n`).join('')}echo ready
read -r line
`

/** A pipe of which one end is a descriptor for a child; whoever has it closes it. */
export interface ChildPipe<T> {
  readonly stream: T
  readonly childEnd: number
}

/** Pipes of one node; a few are always ready. */
export class PipePool implements Disposable {
  readonly #shell: string
  /** Each open for both ways. */
  #ready: number[] = []
  #making: Promise<void> | undefined

  constructor(shell: string) {
    this.#shell = shell
  }

  /** A pipe from which a child of this user reads. */
  async openInput(user: RunUser): Promise<ChildPipe<Writable>> {
    const { own, childEnd } = await this.#take(user, { own: O_WRONLY, child: O_RDONLY })
    return { childEnd, stream: new Socket({ fd: own, readable: false, writable: true }) }
  }

  /** A pipe to which a child of this user writes. */
  async openOutput(user: RunUser): Promise<ChildPipe<Readable>> {
    const { own, childEnd } = await this.#take(user, { own: O_RDONLY, child: O_WRONLY })
    return { childEnd, stream: new Socket({ fd: own, readable: true, writable: false }) }
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#ready) closeSync(descriptor)
    this.#ready = []
  }

  async #take(
    { uid, gid }: RunUser,
    modes: { readonly own: number; readonly child: number },
  ): Promise<{ readonly own: number; readonly childEnd: number }> {
    const both = await this.#next()
    const path = `/proc/self/fd/${both}`
    try {
      // So that the child may open /dev/stdin and the like anew.
      if (uid !== process.getuid?.()) fchownSync(both, uid, gid)
      const own = openSync(path, modes.own | O_NONBLOCK)
      return { own, childEnd: openOrClose(path, { mode: modes.child, other: own }) }
    } finally {
      closeSync(both)
    }
  }

  async #next(): Promise<number> {
    for (;;) {
      const descriptor = this.#ready.pop()
      if (descriptor !== undefined) return descriptor
      this.#making ??= this.#make().finally(() => {
        this.#making = undefined
      })
      await this.#making
    }
  }

  async #make(): Promise<void> {
    const maker = withPipes(
      spawn(this.#shell, ['-c', script], {
        env: {},
        cwd: '/',
        stdio: ['pipe', 'pipe', 'ignore'],
      }),
    )
    maker.stdin.on('error', () => {})
    const exited = once(maker, 'exit')
    try {
      await Promise.race([once(maker.stdout, 'data'), exited])
      for (const number of descriptors) this.#ready.push(openBoth(maker.pid, number))
    } finally {
      maker.stdin.end()
      await exited
    }
  }
}

/** Where it cannot be opened, nobody has any use for the other end. */
function openOrClose(
  path: string,
  { mode, other }: { readonly mode: number; readonly other: number },
): number {
  try {
    return openSync(path, mode)
  } catch (error) {
    closeSync(other)
    throw error
  }
}

function openBoth(pid: number | undefined, number: number): number {
  const path = `/proc/${pid}/fd/${number}`
  if (!readlinkSync(path).startsWith('pipe:')) {
    throw new VkError('Unsupported', 'this machine’s shell makes no pipes of here-documents')
  }
  const descriptor = openSync(path, O_RDWR | O_NONBLOCK)
  readSync(descriptor, Buffer.alloc(body.length))
  return descriptor
}
