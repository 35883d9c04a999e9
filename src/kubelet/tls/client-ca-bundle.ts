// SPDX-License-Identifier: Apache-2.0
// The authorities whose client certificates we accept: a PEM file that is followed as it changes.
import { X509Certificate } from 'node:crypto'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { WatchedFiles } from './watched-files.ts'

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates of a PEM text, in order; throws when there are none or one is broken. */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(pemCertificate)
  if (!blocks) throw new Error('there is no certificate in it')
  return blocks.map((block) => new X509Certificate(block))
}

/** A bundle of client authorities that follows its file. */
export class ClientCaBundle implements Disposable {
  readonly #file: WatchedFiles<readonly X509Certificate[]>
  #changedAtMs = Number.NEGATIVE_INFINITY

  /** Rejects with a UserError when the file cannot be read or holds no certificate. */
  static async open(
    path: string,
    options: { readonly clock: Clock; readonly log: Logger },
  ): Promise<ClientCaBundle> {
    const file = await WatchedFiles.open({
      name: 'the client CA bundle',
      paths: [path],
      parse: ([pem = '']) => parseCertificates(pem),
      ...options,
    })
    return new ClientCaBundle(file, options.clock)
  }

  private constructor(file: WatchedFiles<readonly X509Certificate[]>, clock: Clock) {
    this.#file = file
    file.onChange(() => {
      this.#changedAtMs = clock.monotonicMs()
    })
  }

  /** Monotonic time of the last change; minus infinity before the first. */
  get changedAtMs(): number {
    return this.#changedAtMs
  }

  /** The same array until the bundle changes. */
  get authorities(): readonly X509Certificate[] {
    return this.#file.value
  }

  pem(): string[] {
    return this.#file.value.map((certificate) => certificate.toString())
  }

  onChange(changed: () => void): Disposable {
    return this.#file.onChange(changed)
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
  }
}
