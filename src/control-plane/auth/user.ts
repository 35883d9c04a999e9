// SPDX-License-Identifier: Apache-2.0
// Who makes a request, as authentication found out.

/** A user of the API. */
export interface User {
  readonly name: string
  /** Only for service accounts. */
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}
