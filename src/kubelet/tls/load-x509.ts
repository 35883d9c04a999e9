// SPDX-License-Identifier: Apache-2.0
// The library that writes certificates and requests for them: two hundred files, which take 60 ms of a
// processor. Most starts find the certificates that they need, so it is loaded by whoever writes one.
import type * as x509 from '@peculiar/x509'

/** Its exports; loaded by the first call. */
export async function loadX509(): Promise<typeof x509> {
  // Before it, or it refuses to load.
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}
