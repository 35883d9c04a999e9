// SPDX-License-Identifier: Apache-2.0
// The few programs of the host that supervision leans on, looked up once at start by absolute path,
// so that nothing a pod puts into a PATH can replace them.
import { accessSync, constants } from 'node:fs'
import { UserError } from '../../util/vk-error.ts'
import { tryTool } from './try-tool.ts'

/** Absolute paths of programs; undefined where the host has none. */
export interface HostTools {
  /** A POSIX shell: dash where there is one, for it is the smallest and adds nothing to the environment. */
  readonly shell: string
  /** Can close descriptors above 9, which POSIX shells cannot name. */
  readonly bash: string | undefined
  readonly mv: string
  /** Gives a container a session of its own; without it the shell's job control makes a process group. */
  readonly setsid: string | undefined
  /** util-linux's setpriv, which can switch users (BusyBox's cannot). */
  readonly setpriv: string | undefined
  /** GNU env, which can undo ignored signals. */
  readonly env: string | undefined
  readonly unshare: string | undefined
  readonly mount: string | undefined
  /** Enters a container's mount namespace, for what is run in it later. */
  readonly nsenter: string | undefined
  /** Makes pipes with names: for what is run in a container later, and for a container's stdin. */
  readonly mkfifo: string
  /** Gives containers a root and namespaces of their own. */
  readonly bubblewrap: string | undefined
  /** GNU tar, which unpacks images. */
  readonly tar: string | undefined
  /** Holds the process namespace of a pod. */
  readonly sleep: string | undefined
  /** util-linux's script, which gives a container a terminal that needs nothing of ours. */
  readonly script: string | undefined
}

const toolDirs = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/opt/homebrew/bin']

/** Looks the programs up. Throws a UserError when there is no shell, no `mv` or no `mkfifo`. */
export function findHostTools(): HostTools {
  const shell = find('dash') ?? find('sh')
  const mv = find('mv')
  const mkfifo = find('mkfifo')
  if (shell === undefined || mv === undefined || mkfifo === undefined) {
    throw new UserError('Cannot run processes: this machine lacks "sh", "mv" or "mkfifo"', {
      hint: `They are looked for in ${toolDirs.join(', ')}.`,
    })
  }
  return {
    shell,
    bash: find('bash'),
    mv,
    setsid: find('setsid'),
    setpriv: withOption(find('setpriv'), '--reuid'),
    env: withOption(find('env'), '--default-signal'),
    unshare: find('unshare'),
    mount: find('mount'),
    nsenter: find('nsenter'),
    mkfifo,
    tar: withOption(find('tar'), '--anchored'),
    sleep: find('sleep'),
    bubblewrap: process.platform === 'linux' ? find('bwrap') : undefined,
    script: withOption(find('script'), '--echo'),
  }
}

function find(name: string): string | undefined {
  for (const dir of toolDirs) {
    const path = `${dir}/${name}`
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this directory; the next one may have it.
    }
  }
  return undefined
}

function withOption(path: string | undefined, option: string): string | undefined {
  if (path === undefined) return undefined
  const { stdout } = tryTool(path, ['--help'])
  return stdout?.includes(option) ? path : undefined
}
