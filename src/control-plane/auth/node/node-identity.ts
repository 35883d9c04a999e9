// SPDX-License-Identifier: Apache-2.0
// Nodes as users of the API.
import type { User } from '../user.ts'

const prefix = 'system:node:'

/** The name of the node that this user is ('' for one that names none), or undefined for other users. */
export function nodeNameOf({ groups, name }: User): string | undefined {
  if (!name.startsWith(prefix) || !groups.includes('system:nodes')) return undefined
  return name.slice(prefix.length)
}
