// SPDX-License-Identifier: Apache-2.0
// What a backend gives for exec, attach and port-forward: bytes in and out. The protocols, terminals'
// sizes on the wire, exit statuses and time limits are the core's work.
import type { Duplex, Readable, Writable } from 'node:stream'

/** Size of a terminal in characters; both are at least 1. */
export interface TerminalSize {
  readonly width: number
  readonly height: number
}

/** Which streams are wanted. With `tty` all output is on stdout. */
export interface StreamChoice {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export interface ExecOptions extends StreamChoice {
  /** Program and arguments, as they are: no shell, no expansion. */
  readonly command: readonly string[]
  /** It is not to go on when we die without a word. Backends that cannot see to that let it go on. */
  readonly endsWithCaller?: boolean
}

/** How a process ended. */
export interface ProcessExit {
  /** 0…255; 128 + the signal's number when a signal ended it. */
  readonly exitCode: number
}

/**
 * A process and the streams that were asked for. Streams keep back-pressure: the process waits while
 * nobody reads its output. An error on a stream is no more than its end.
 */
export interface ProcessStreams {
  /** Ending it is the end of input. */
  readonly stdin?: Writable
  readonly stdout?: Readable
  readonly stderr?: Readable
  /** Without a terminal it does nothing. */
  resize(size: TerminalSize): void
  /**
   * Resolves when the process has ended; output may still be waiting in the streams. Of a container that
   * is attached to: when it has ended, or cannot be attached to any longer. Never rejects.
   */
  readonly exited: Promise<ProcessExit>
}

/** A connection to a port of a pod; ending either side leaves the other one open. */
export type PortConnection = Duplex
