// SPDX-License-Identifier: Apache-2.0
// Lists that are read page by page: all pages come from the state that the first one saw. A snapshot
// shares its objects with storage, so keeping one costs a pointer an object, for a few minutes.
import { badRequest, expired } from '../objects/api-status.ts'
import type { Stored } from '../storage/store.ts'

/** A collection as of one revision, filtered already. */
export interface Snapshot {
  readonly items: readonly Stored[]
  readonly revision: number
}

interface Kept extends Snapshot {
  readonly scope: string
  readonly untilMs: number
}

interface Position {
  readonly id: string
  readonly offset: number
}

const keepMs = 300_000
const maxKept = 100

/** The snapshots that some client may still be reading. */
export class ListSnapshots {
  readonly #kept = new Map<string, Kept>()
  readonly #nowMs: () => number
  #last = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /**
   * Keeps a snapshot and returns the token with which to go on at `offset`. `scope` says what was listed:
   * the right to that is checked again for every page, so no other list may go on here.
   */
  keep(snapshot: Snapshot, offset: number, scope: string): string {
    this.#forgetOld()
    this.#last += 1
    const id = `${snapshot.revision}-${this.#last}`
    this.#kept.set(id, { ...snapshot, scope, untilMs: this.#nowMs() + keepMs })
    return tokenOf({ id, offset })
  }

  /** The same snapshot further on. */
  next(token: string, offset: number): string {
    return tokenOf({ ...positionOf(token), offset })
  }

  /** What a token stands for; 410 once it is too old, 400 when it never was one of this scope. */
  resume(token: string, scope: string): Snapshot & { readonly offset: number } {
    const { id, offset } = positionOf(token)
    const kept = this.#kept.get(id)
    if (!kept || kept.untilMs < this.#nowMs()) {
      throw expired(
        'The provided continue parameter is too old to display a consistent list result. ' +
          'You must start a new list without the continue parameter.',
      )
    }
    if (kept.scope !== scope) throw notOurs()
    return { items: kept.items, revision: kept.revision, offset }
  }

  #forgetOld(): void {
    const nowMs = this.#nowMs()
    for (const [id, { untilMs }] of this.#kept) {
      if (untilMs < nowMs || this.#kept.size >= maxKept) this.#kept.delete(id)
    }
  }
}

function tokenOf(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

function positionOf(token: string): Position {
  try {
    const { id, offset } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Position
    if (typeof id === 'string' && Number.isInteger(offset) && offset >= 0) return { id, offset }
  } catch {
    // Told below, like any other token that is not ours.
  }
  throw notOurs()
}

function notOurs() {
  return badRequest('continue key is not valid')
}
