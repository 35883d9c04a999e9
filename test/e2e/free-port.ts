// SPDX-License-Identifier: Apache-2.0
//
// Ports for programs that cannot be told to choose one themselves.
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Returns a TCP port that nothing listened on a moment ago. */
export async function freePort(): Promise<number> {
  await using server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port')
  return address.port
}
