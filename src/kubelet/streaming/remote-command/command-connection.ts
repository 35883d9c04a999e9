// SPDX-License-Identifier: Apache-2.0
// What exec and attach see of a client, whichever protocol it speaks.
import type { Readable, Writable } from 'node:stream'
import type { TerminalSize } from '../../../provider/streams.ts'

/** How a command went. */
export type Outcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'exit'; readonly exitCode: number }
  /** It could not be run at all. */
  | { readonly kind: 'failure'; readonly message: string }

/** A client whose streams are all there. Its streams keep back-pressure. */
export interface CommandConnection {
  readonly stdin?: Readable
  readonly stdout?: Writable
  readonly stderr?: Writable
  /** Calls back with each new size of the client's terminal; the last one at once, if there was one. */
  onResize(resized: (size: TerminalSize) => void): void
  /** Tells the client that its input is not wanted any more. */
  endInput(): void
  /** Tells the outcome and closes; the output streams have ended before. */
  finish(outcome: Outcome): Promise<void>
}
