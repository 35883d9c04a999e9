// SPDX-License-Identifier: Apache-2.0
// Sizes of the client's terminal: JSON objects one after another, with or without line breaks between
// them. What is no such object is passed over; a client must not end a session by a bad size.
import type { TerminalSize } from '../../../provider/streams.ts'

/** An object without nesting, as a size is. */
const object = /\{[^{}]*\}/g
const maxPendingLength = 1024

/** Cuts a stream of text into sizes. */
export class TerminalSizeReader {
  #pending = ''

  /** The sizes that this piece completes. */
  read(piece: string): readonly TerminalSize[] {
    const text = this.#pending + piece
    const found = [...text.matchAll(object)]
    const last = found.at(-1)
    const rest = last === undefined ? text : text.slice(last.index + last[0].length)
    this.#pending = rest.length > maxPendingLength ? '' : rest
    return found.map(([json]) => parseSize(json)).filter((size) => size !== undefined)
  }
}

function parseSize(json: string): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(json) as Record<string, unknown>
    return isLength(width) && isLength(height) ? { width, height } : undefined
  } catch {
    // No size; the next one may be one.
    return undefined
  }
}

function isLength(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= 0xff_ff
}
