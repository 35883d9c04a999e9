// SPDX-License-Identifier: Apache-2.0
// Copies the data of frames out of what was read, and hands it on in few large pieces: a client sends 32 KiB
// as four TLS records, and each step of a stream has its price for each piece. The copies also bound
// memory: a byte that nobody reads would else keep all of the chunk it came in.
import { noteForeignMemory } from '../../../util/foreign-memory.ts'

/**
 * With the head of a frame in front exactly five TLS records: enough for a write of its own (see `sendData`), and
 * little enough to be in the cache still when it is written.
 */
const slabLength = 80 * 1024 - 8
/** Below it, data goes on alone and at once, in memory of its own size. */
const gatherFrom = 8 * 1024

/** Filled from the start on, by all connections; what is filled belongs to those it was handed to. */
let slab = Buffer.alloc(0)
let slabAt = 0

/** Gathers for one connection; nothing waits longer than until the end of this turn of the event loop. */
export class GatheredData<Owner> {
  readonly #deliver: (owner: Owner, piece: Buffer) => void
  #owner: Owner | undefined
  #slab = slab
  #from = 0
  #to = 0
  #isAwaited = false

  constructor(deliver: (owner: Owner, piece: Buffer) => void) {
    this.#deliver = deliver
  }

  /**
   * Copies `bytes`, which may be used again then; or does not, if they may be kept, and if that keeps not much
   * more than themselves. Pieces are delivered in order, here or later.
   */
  add(owner: Owner, bytes: Buffer, { mayKeep = false }: { readonly mayKeep?: boolean } = {}): void {
    const isKept = mayKeep && isMostOfItsMemory(bytes)
    if (owner !== this.#owner || isKept) this.flush()
    if (isKept) return this.#deliver(owner, bytes)
    if (this.#owner === undefined && bytes.length < gatherFrom) {
      const piece = Buffer.allocUnsafeSlow(bytes.length)
      bytes.copy(piece)
      if (piece.length > 0) this.#deliver(owner, piece)
      return
    }
    for (let at = 0; at < bytes.length;) {
      this.#makeRoom(owner)
      const copied = bytes.copy(slab, slabAt, at)
      at += copied
      slabAt += copied
      this.#to = slabAt
    }
    this.#await()
  }

  /** Delivers what waits. */
  flush(): void {
    const owner = this.#owner
    if (owner === undefined) return
    this.#owner = undefined
    this.#deliver(owner, this.#slab.subarray(this.#from, this.#to))
  }

  /** At least one byte behind what waits, or nothing waits any more. */
  #makeRoom(owner: Owner): void {
    const isBehind = this.#slab === slab && this.#to === slabAt
    if (this.#owner !== undefined && isBehind && slabAt < slab.length) return
    this.flush()
    if (slabAt === slab.length) {
      slab = Buffer.allocUnsafeSlow(slabLength)
      slabAt = 0
      noteForeignMemory(slabLength)
    }
    this.#owner = owner
    this.#slab = slab
    this.#from = slabAt
  }

  #await(): void {
    if (this.#isAwaited) return
    this.#isAwaited = true
    setImmediate(() => {
      this.#isAwaited = false
      this.flush()
    })
  }
}

function isMostOfItsMemory({ buffer, length }: Buffer): boolean {
  return length >= gatherFrom && length * 2 >= buffer.byteLength
}
