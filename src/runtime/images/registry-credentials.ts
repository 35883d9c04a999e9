// SPDX-License-Identifier: Apache-2.0
// Which of a pod's credentials are for an image: as a kubelet matches them, the longest path first. A host
// may have `*` for parts between its dots; a path counts as the start of the image's.
import type { RegistryCredential } from '../../provider/provider.ts'
import type { ImageReference } from './image-reference.ts'

interface Pattern {
  readonly host: string
  readonly path: string
}

/** Docker's own registry has a name of its own in credentials. */
const defaultKeys = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])

/** The credentials to try, in order. */
export function credentialsFor(
  image: Pick<ImageReference, 'registry' | 'repository'>,
  credentials: readonly RegistryCredential[],
): readonly RegistryCredential[] {
  return credentials
    .map((credential) => ({ credential, pattern: patternOf(credential.registry) }))
    .filter(({ pattern }) => isMatch(pattern, image))
    .toSorted((one, other) => other.pattern.path.length - one.pattern.path.length)
    .map(({ credential }) => credential)
}

function patternOf(registry: string): Pattern {
  const bare = registry.replace(/^https?:\/\//, '')
  const at = bare.indexOf('/')
  if (at < 0) return { host: bare, path: '' }
  // `https://registry.example/v1/` is how Docker's command line writes the registry alone.
  const path = bare.slice(at + 1).replace(/^v[12]\/?/, '')
  return { host: bare.slice(0, at), path: path.replace(/\/$/, '') }
}

function isMatch(
  { host, path }: Pattern,
  { registry, repository }: Pick<ImageReference, 'registry' | 'repository'>,
): boolean {
  const isDefault = defaultKeys.has(host) && defaultKeys.has(registry)
  if (!isDefault && !isHostMatch(host, registry)) return false
  return path === '' || `${repository}/`.startsWith(`${path}/`)
}

function isHostMatch(pattern: string, host: string): boolean {
  const [patternName = '', patternPort = ''] = splitPort(pattern)
  const [name = '', port = ''] = splitPort(host)
  const patternParts = patternName.split('.')
  const parts = name.split('.')
  if (patternPort !== port || patternParts.length !== parts.length) return false
  return patternParts.every((part, index) => isPartMatch(part, parts[index] ?? ''))
}

function isPartMatch(pattern: string, part: string): boolean {
  const pieces = pattern.split('*').map((piece) => piece.replaceAll(/[^\w-]/g, String.raw`\$&`))
  return new RegExp(`^${pieces.join('.*')}$`).test(part)
}

function splitPort(host: string): readonly string[] {
  const match = /^(.*?)(?::(\d+))?$/.exec(host)
  return [match?.[1] ?? host, match?.[2] ?? '']
}
