// SPDX-License-Identifier: Apache-2.0
// When to ask for the next certificate: after 70 to 90 % of the life of this one, by chance, so that
// nodes that joined together do not all come back together.
import { X509Certificate } from 'node:crypto'

/** Milliseconds since the epoch; `chance` is a number from 0 to 1. */
export function rotationDeadlineMs(certificatePem: string, chance: number): number {
  const { validFromDate, validToDate } = new X509Certificate(certificatePem)
  const fromMs = validFromDate.getTime()
  return fromMs + (validToDate.getTime() - fromMs) * (0.7 + 0.2 * chance)
}
