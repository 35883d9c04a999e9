// SPDX-License-Identifier: Apache-2.0
// Pipes for a command's input and output. Node gives children sockets, which are no files: /dev/stdout
// cannot be opened anew, and bash takes a socket for a remote shell's and reads its start-up file. Node
// cannot make a pipe by itself; named ones are made in batches, and lose their names when they are used.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fchownSync, mkdirSync, openSync, rmSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import type { RunUser } from '../users.ts'

const batchSize = 24
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants

/** A pipe of which one end is a descriptor for a child; whoever has it closes it. */
export interface ChildPipe<T> {
  readonly stream: T
  readonly childEnd: number
}

/** Pipes of one node. */
export class PipePool implements Disposable {
  readonly #dir: string
  readonly #mkfifo: string
  #ready: string[] = []
  #making: Promise<void> | undefined

  /** Whatever lies in `dir` is removed. */
  constructor(dir: string, mkfifo: string) {
    this.#dir = dir
    this.#mkfifo = mkfifo
    rmSync(dir, { recursive: true, force: true })
  }

  /** A pipe from which a child of this user reads. */
  async openInput(user: RunUser): Promise<ChildPipe<Writable>> {
    const path = await this.#take()
    try {
      // Opening to write waits for a reader, or fails: a first one stands in for the child's.
      const reader = openSync(path, O_RDONLY | O_NONBLOCK)
      const own = openSync(path, O_WRONLY | O_NONBLOCK)
      const childEnd = openSync(path, O_RDONLY)
      closeSync(reader)
      give(childEnd, user)
      return { childEnd, stream: new Socket({ fd: own, readable: false, writable: true }) }
    } finally {
      unlinkSync(path)
    }
  }

  /** A pipe to which a child of this user writes. */
  async openOutput(user: RunUser): Promise<ChildPipe<Readable>> {
    const path = await this.#take()
    try {
      const own = openSync(path, O_RDONLY | O_NONBLOCK)
      const childEnd = openSync(path, O_WRONLY)
      give(childEnd, user)
      return { childEnd, stream: new Socket({ fd: own, readable: true, writable: false }) }
    } finally {
      unlinkSync(path)
    }
  }

  [Symbol.dispose](): void {
    this.#ready = []
    rmSync(this.#dir, { recursive: true, force: true })
  }

  async #take(): Promise<string> {
    for (;;) {
      const path = this.#ready.pop()
      if (path !== undefined) return path
      this.#making ??= this.#make().finally(() => {
        this.#making = undefined
      })
      await this.#making
    }
  }

  async #make(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 })
    const batch = randomBytes(8).toString('hex')
    const paths = Array.from({ length: batchSize }, (_, i) => join(this.#dir, `${batch}-${i}`))
    await promisify(execFile)(this.#mkfifo, ['-m', '600', ...paths], { env: {} })
    this.#ready.push(...paths)
  }
}

/** So that the child may open /dev/stdin and the like anew. */
function give(descriptor: number, { uid, gid }: RunUser): void {
  if (uid !== process.getuid?.()) fchownSync(descriptor, uid, gid)
}
