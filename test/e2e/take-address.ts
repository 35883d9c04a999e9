// SPDX-License-Identifier: Apache-2.0
//
// An IP address for one node or control plane of a test: a private one inside the network namespace of
// run.ts, elsewhere one of loopback, of which Linux has millions.
import { addAddress, removeAddress } from './network-namespace.ts'
import { isInNamespace } from './requirements.ts'

let last = 0

/** Gives it back when disposed of. */
export function takeAddress(): Disposable & { readonly ip: string } {
  if (isInNamespace()) {
    const ip = addAddress()
    return { ip, [Symbol.dispose]: () => removeAddress(ip) }
  }
  last += 1
  // Test files run side by side, each as a process: the network is its own, by its id.
  const ip = `127.${128 + ((process.pid >> 8) & 127)}.${process.pid & 255}.${last}`
  return { ip, [Symbol.dispose]: () => {} }
}
