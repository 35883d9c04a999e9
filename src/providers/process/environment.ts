// SPDX-License-Identifier: Apache-2.0
// The environment of a container: what the pod asks for plus PATH, HOME and HOSTNAME, and not one
// variable of virtual-kubelet's own.
import type { ResolvedEnvVar } from '../../provider/provider.ts'

/** Where programs are looked for unless the pod sets PATH. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Variables by name; of equal names the last one wins, as in the API. */
export function environmentOf(
  env: readonly ResolvedEnvVar[],
  { home, hostname }: { readonly home: string; readonly hostname: string },
): ReadonlyMap<string, string> {
  const variables = new Map([
    ['PATH', defaultPath],
    ['HOME', home],
    ['HOSTNAME', hostname],
  ])
  for (const { name, value } of env) variables.set(name, value)
  return variables
}

// Names that mean something to a shell itself: it would refuse or change their values.
const shellNames = new Set([
  'BASHOPTS',
  'BASH_VERSINFO',
  'EUID',
  'LINENO',
  'OPTIND',
  'PPID',
  'SHELLOPTS',
  'UID',
  '_',
])

/** Can a POSIX shell hand these variables on unchanged? Others need the slower way. */
export function isShellSafe(env: ReadonlyMap<string, string>): boolean {
  return [...env.keys()].every(
    (name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !shellNames.has(name),
  )
}

/** `text` as one word of a POSIX shell, whatever it holds. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
