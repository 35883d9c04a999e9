// SPDX-License-Identifier: Apache-2.0
// What a container runs: from image, command and args to an argument list and a working directory,
// checked before anything is started, so that a mistake is told in the pod's status and not as an
// exit code that nobody understands.
import { access, constants, stat } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import type { Container } from '../../kube/types.gen.ts'
import { VkError } from '../../util/vk-error.ts'
import { hostImage } from './image-resolution.ts'
import { isHidden } from './isolation/host-root.ts'
import type { RootBuilder } from './isolation/root-builder.ts'
import type { ResolvedImage } from './image-resolution.ts'
import type { RunUser } from './users.ts'

/** A command line and where it runs. */
export interface Program {
  readonly argv: readonly [string, ...string[]]
  /** Where a first word without a slash was found, as a shell would name it. */
  readonly file?: string
  readonly workingDir: string
}

/** Joins image, command and args as Docker joins entry point and arguments. */
export function programOf(
  spec: Pick<Container, 'name' | 'workingDir'>,
  image: ResolvedImage,
  { command, args }: { readonly command: readonly string[]; readonly args: readonly string[] },
): Program {
  const workingDir = spec.workingDir || (image.kind === 'directory' ? image.path : '/')
  if (!isAbsolute(workingDir)) {
    throw configError(`Cannot run container "${spec.name}": workingDir is not absolute`)
  }
  const [first, ...rest] = command
  if (first !== undefined) return { argv: [first, ...rest, ...args], workingDir }
  if (image.kind === 'file') return { argv: [image.path, ...args], workingDir }
  // As of an image without an entrypoint, whose arguments are the command.
  const [program, ...words] = args
  if (program !== undefined) return { argv: [program, ...words], workingDir }
  const what = image.kind === 'host' ? `image "${hostImage}"` : `"${image.path}"`
  throw configError(
    `Cannot run container "${spec.name}": ${what} names no program, so a command is needed`,
  )
}

/** How a container finds its program. */
export interface ProgramView {
  readonly searchPath: string
  readonly user: RunUser
  /** Undefined: the container sees the host as it is. */
  readonly view?: Pick<RootBuilder, 'find'> | undefined
}

/**
 * Answers the file that is run for the program's first word, as a shell in its directory would name it. Throws a
 * VkError with reason RunContainerError when the program cannot be started.
 */
export async function checkProgram(
  program: Program,
  { searchPath, user, view }: ProgramView,
): Promise<string> {
  const { argv, workingDir } = program
  if (!(await isDirectory(workingDir, view))) {
    throw runError(`chdir to cwd ("${workingDir}"): no such directory${hintAt(workingDir, view)}`)
  }
  const name = argv[0]
  if (name === '') throw runError('exec: "": the command is empty')
  const candidates = name.includes('/')
    ? [name]
    : searchPath.split(':').map((entry) => (entry === '' ? name : `${entry}/${name}`))
  let isThere = false
  for (const candidate of candidates) {
    const absolute = resolve(workingDir, candidate)
    const path = view ? view.find(absolute)?.hostPath : absolute
    const verdict = path === undefined ? undefined : await inspect(path, user)
    if (verdict === 'executable') return candidate
    isThere ||= verdict === 'file'
  }
  if (isThere) throw runError(`exec: "${name}": permission denied: it is not executable`)
  throw runError(
    name.includes('/')
      ? `exec: "${name}": no such file${hintAt(resolve(workingDir, name), view)}`
      : `exec: "${name}": executable file not found in $PATH`,
  )
}

/** Told by the name alone: what is there on the host is nobody's business. */
function hintAt(path: string, view: Pick<RootBuilder, 'find'> | undefined): string {
  const isApart = isHidden(path) || /^(\/var)?\/tmp\//.test(path)
  if (view === undefined || !isApart) return ''
  return ' (sandboxes do not show such places of the host; see visibleHostPaths and hostPath volumes)'
}

async function isDirectory(path: string, view?: Pick<RootBuilder, 'find'>): Promise<boolean> {
  if (view) return view.find(path)?.kind === 'dir'
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}

async function inspect(path: string, user: RunUser): Promise<'executable' | 'file' | undefined> {
  if (path.includes('\0')) return undefined
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return undefined
  if (user.uid === process.getuid?.()) {
    return access(path, constants.X_OK).then(
      () => 'executable' as const,
      () => 'file' as const,
    )
  }
  const groups = [user.gid, ...user.supplementalGroups]
  const bit = found.uid === user.uid ? 0o100 : groups.includes(found.gid) ? 0o010 : 0o001
  const mask = user.uid === 0 ? 0o111 : bit
  return (found.mode & mask) === 0 ? 'file' : 'executable'
}

function configError(message: string): VkError {
  return new VkError('Invalid', message, { podReason: 'CreateContainerConfigError' })
}

function runError(why: string): VkError {
  return new VkError('NotFound', `Cannot start process: ${why}`, { podReason: 'RunContainerError' })
}
