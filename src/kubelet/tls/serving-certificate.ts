// SPDX-License-Identifier: Apache-2.0
// The serving certificate that the operator gives us: as files, which are followed as they change, or
// as PEM text. The one that we make ourselves is in self-signed-certificate.ts.
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf, UserError } from '../../util/vk-error.ts'
import type { KeyPair, ServingCertificate } from './tls-material.ts'
import { WatchedFiles } from './watched-files.ts'

/** Follows a certificate file and its key file; rejects with a UserError when they do not fit. */
export async function certificateFromFiles(
  files: { readonly certFile: string; readonly keyFile: string },
  options: { readonly clock: Clock; readonly log: Logger },
): Promise<ServingCertificate> {
  const watched = await WatchedFiles.open({
    name: 'the serving certificate and key',
    paths: [files.certFile, files.keyFile],
    parse: ([cert = '', key = '']) => checked({ cert, key }),
    ...options,
  })
  return {
    current: () => watched.value,
    onChange: (changed) => watched.onChange(changed),
    [Symbol.dispose]: () => watched[Symbol.dispose](),
  }
}

/** A certificate that never changes; throws a UserError when it and the key do not fit. */
export function certificateFromPem(pair: KeyPair): ServingCertificate {
  try {
    checked(pair)
  } catch (cause) {
    throw new UserError(`Cannot use the serving certificate and key: ${messageOf(cause)}`, {
      cause,
    })
  }
  return {
    current: () => pair,
    onChange: () => ({ [Symbol.dispose]: () => {} }),
    [Symbol.dispose]: () => {},
  }
}

function checked(pair: KeyPair): KeyPair {
  createSecureContext({ cert: pair.cert, key: pair.key })
  return pair
}
