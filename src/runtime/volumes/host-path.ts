// SPDX-License-Identifier: Apache-2.0
// Paths of the host as volumes, if the node's configuration allows them: the path itself and what it leads
// to by links must lie below an allowed prefix, and never in virtual-kubelet's own directory. Somebody
// who may write below a prefix can still exchange a directory for a link after the check; a prefix is
// therefore to be given only where those who can write there may see what its links could lead to.
import { mkdir, open, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, normalize } from 'node:path'
import type { Stats } from 'node:fs'
import { isPathWithin } from '../../util/path-within.ts'
import type { HostPathVolumeSource } from '../../kube/types.gen.ts'
import { VkError } from '../../util/vk-error.ts'

/** What of the host volumes may show. */
export interface HostPathRules {
  readonly prefixes: readonly string[]
  readonly protectedDir: string
}

export interface FoundHostPath {
  /** Free of links. */
  readonly hostPath: string
  readonly isDirectory: boolean
}

/** Does the path, as written, lie where the node allows host paths? */
export function isAllowedHostPath(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => isPathWithin(normalize(path), normalize(prefix)))
}

/** Why a path is refused. */
export function hostPathRefusal(path: string, prefixes: readonly string[]): string {
  const allowed =
    prefixes.length === 0
      ? "the provider's configuration has no hostPathPrefixes"
      : `hostPathPrefixes: ${prefixes.join(', ')}`
  return `host path "${path}" is not allowed (${allowed})`
}

/** Checks the path and its type, and makes it where the type says so. Rejects with the kubelet's words. */
export async function prepareHostPath(
  { path, type = '' }: HostPathVolumeSource,
  rules: HostPathRules,
): Promise<FoundHostPath> {
  if (!isAllowedHostPath(path, rules.prefixes)) throw refused(path, rules)
  let found = await stat(path).catch(() => undefined)
  if (!found && makes.has(type)) {
    await create(path, type, rules)
    found = await stat(path).catch(() => undefined)
  }
  const check = checks[type]
  if (!check) throw broken(`${type} is an invalid volume type`)
  const [isAsAsked, what] = check
  if (!found || !isAsAsked(found)) {
    throw broken(`hostPath type check failed: ${path} is not a ${what}`)
  }
  const hostPath = await realpath(path)
  await checkReal(hostPath, path, rules)
  return { hostPath, isDirectory: found.isDirectory() }
}

// Container runtimes make a directory of a path of no type that is missing.
const makes: ReadonlySet<string> = new Set(['', 'DirectoryOrCreate', 'FileOrCreate'])

type Check = readonly [isAsAsked: (found: Stats) => boolean, what: string]

const isDirectory: Check = [(found) => found.isDirectory(), 'directory']
const isFile: Check = [(found) => found.isFile(), 'file']
const checks: Readonly<Record<string, Check>> = {
  '': [() => true, 'directory'],
  DirectoryOrCreate: isDirectory,
  Directory: isDirectory,
  FileOrCreate: isFile,
  File: isFile,
  Socket: [(found) => found.isSocket(), 'socket file'],
  CharDevice: [(found) => found.isCharacterDevice(), 'character device'],
  BlockDevice: [(found) => found.isBlockDevice(), 'block device'],
}

/** Only below a directory that is itself allowed, wherever links lead. */
async function create(path: string, type: string, rules: HostPathRules): Promise<void> {
  let parent = dirname(normalize(path))
  const missing = [basename(normalize(path))]
  let real = await realpath(parent).catch(() => undefined)
  while (real === undefined && parent !== dirname(parent)) {
    missing.unshift(basename(parent))
    parent = dirname(parent)
    real = await realpath(parent).catch(() => undefined)
  }
  const target = join(real ?? parent, ...missing)
  await checkReal(target, path, rules)
  if (type !== 'FileOrCreate') {
    await mkdir(target, { recursive: true, mode: 0o755 })
    return
  }
  const file = await open(target, 'a', 0o644).catch((error: unknown) => {
    throw broken(`open ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
  })
  await file.close()
}

async function checkReal(real: string, path: string, rules: HostPathRules): Promise<void> {
  const prefixes = await Promise.all(
    rules.prefixes.map((prefix) => realpath(prefix).catch(() => normalize(prefix))),
  )
  const own = await realpath(rules.protectedDir).catch(() => rules.protectedDir)
  if (!isAllowedHostPath(real, prefixes) || isPathWithin(real, own)) throw refused(path, rules)
}

function refused(path: string, { prefixes }: HostPathRules): VkError {
  return new VkError('Unsupported', hostPathRefusal(path, prefixes))
}

function broken(message: string): VkError {
  return new VkError('Invalid', message)
}
