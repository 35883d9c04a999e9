// SPDX-License-Identifier: Apache-2.0
// A server of a test on a port of its own.
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'

/** Listens on loopback until it is disposed of. */
export async function listen(server: Server): Promise<Disposable & { readonly port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, [Symbol.dispose]: () => void server.close() }
}
