// SPDX-License-Identifier: Apache-2.0
// What /etc/passwd knows of numeric users. Names are never looked up: Kubernetes has only numbers.
import { readFile } from 'node:fs/promises'

/** A user as the host knows it. */
export interface UserEntry {
  readonly gid: number
  readonly home: string
}

/** Entries of /etc/passwd by uid; the first of several wins, as in the C library. */
export function parsePasswd(text: string): ReadonlyMap<number, UserEntry> {
  const users = new Map<number, UserEntry>()
  for (const line of text.split('\n')) {
    const [, , uid, gid, , home] = line.split(':')
    if (uid === undefined || gid === undefined || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue
    if (!users.has(Number(uid))) users.set(Number(uid), { gid: Number(gid), home: home || '/' })
  }
  return users
}

/** The host's users, read afresh: a user may be added while we run. */
export async function readUsers(
  path: string = '/etc/passwd',
): Promise<ReadonlyMap<number, UserEntry>> {
  return parsePasswd(await readFile(path, 'utf8').catch(() => ''))
}
