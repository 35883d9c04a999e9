// SPDX-License-Identifier: Apache-2.0
//
// An IP address for one node or control plane of a test: a private one inside the network namespace of
// run.ts, elsewhere one of loopback, of which Linux has millions and other systems have one.
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
  const process_ = process.pid % 200
  const ip =
    process.platform === 'linux'
      ? `127.${100 + (process_ % 100)}.${last >> 8}.${last & 255}`
      : '127.0.0.1'
  return { ip, [Symbol.dispose]: () => {} }
}
