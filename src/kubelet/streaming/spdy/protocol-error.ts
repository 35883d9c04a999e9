// SPDX-License-Identifier: Apache-2.0
// A peer that does not keep to the protocol: its connection ends, and nothing else.

/** The connection cannot go on; the message says what was wrong with it. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtocolError'
  }
}
