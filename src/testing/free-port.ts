// SPDX-License-Identifier: Apache-2.0
// Ports for programs that cannot be told to choose one themselves: nobody is given them by chance, and none is
// given twice here.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below what Linux hands out by itself: between now and the program's start none of the many connections of
 * tests that run beside can be given the port. Above those that nodes under test have, 10250 and some more.
 */
const [firstPort, endPort] = [11_000, 32_000]
const maxTries = 100
const given = new Set<number>()

/** Returns a TCP port that nothing listened on a moment ago, on any address. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const port = randomInt(firstPort, endPort)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error('Cannot find a free port')
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '0.0.0.0')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
