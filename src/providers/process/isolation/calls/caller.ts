// SPDX-License-Identifier: Apache-2.0
// The program that makes system calls, as a file of this node, and whether lists of it work here: it takes root,
// Linux 5.12 (mount_setattr), and a --root-dir from which programs can be run.
import { closeSync, readFileSync } from 'node:fs'
import { isPathWithin } from '../../../../util/path-within.ts'
import { ownsCapability } from '../../capabilities.ts'
import type { HostTools } from '../../host-tools.ts'
import { openNamelessFile } from '../../nameless-file.ts'
import { bareSandbox } from '../sandbox.ts'
import type { Sandbox } from '../sandbox.ts'
import { ensureFile } from '../content-file.ts'
import { hostTree } from '../file-tree.ts'
import { hiddenDirs } from '../host-root.ts'
import { madeDir, readOnlyBind } from '../root-node.ts'
import { filterArchitecture } from '../seccomp/filter-store.ts'
import { CallList } from './call-list.ts'
import { callerFile, type Caller } from './caller-file.ts'
import { sourcesOf } from './mount-calls.ts'
import { addSandbox } from './sandbox-calls.ts'
import { tryTool } from '../../try-tool.ts'

/** Undefined: it does not work here; tries it, once, in a few milliseconds. */
export function openCaller(dir: string, tools: Pick<HostTools, 'shell'>): Caller | undefined {
  const architecture = filterArchitecture()
  if (architecture === undefined || process.getuid?.() !== 0) return undefined
  // Without it nobody could join what other processes hold, which are closed to whoever lacks it.
  if (!ownsCapability('SYS_PTRACE')) return undefined
  try {
    const lastCapability = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'))
    const path = ensureFile(dir, callerFile(architecture), 0o755)
    const caller = { path, architecture, lastCapability }
    return works(caller, tools) ? caller : undefined
  } catch {
    // Older kernels lack the file, and some places let nothing be made: bubblewrap does it.
    return undefined
  }
}

/**
 * A directory of the host that a root shows nothing of, so that it can be made there; undefined: there is none.
 * Nobody's path leads to /proc but by its name.
 */
export function placeFor(root: Sandbox['root'], memoryDir?: string): string | undefined {
  const sources = [...sourcesOf(root), ...(memoryDir === undefined ? [] : [memoryDir])]
  // One that shows all of the host would show itself, half made.
  if (sources.includes('/')) return undefined
  if (!sources.some((source) => isPathWithin(source, '/proc'))) return '/proc'
  const real = sources.map((source) => hostTree.real(source) ?? source)
  return hiddenDirs.find(
    (place) =>
      hostTree.entry(place)?.kind === 'dir' &&
      ![...sources, ...real].some((source) => isPathWithin(source, place)),
  )
}

function works(
  { path, architecture, lastCapability }: Caller,
  { shell }: Pick<HostTools, 'shell'>,
) {
  const list = new CallList(architecture)
  addSandbox(list, {
    sandbox: trial(),
    at: '/proc',
    user: { uid: 65_534, gid: 65_534, supplementalGroups: [] },
    lastCapability,
    last: {
      file: shell,
      argv: ['sh', '-c', ':'],
      workingDir: '/',
      env: [],
      hasInput: false,
      filter: undefined,
      shell: [shell, '-s'],
    },
  })
  const descriptor = openNamelessFile(list.build('exit 1\n'))
  try {
    const { status, output } = tryTool(path, [], {
      stdio: [descriptor, 'ignore', 'ignore', 'pipe', 'ignore', 'pipe', 'pipe'],
    })
    return status === 0 && output[3] === 'started\n'
  } finally {
    closeSync(descriptor)
  }
}

/** A root in which a shell runs, with all that other roots have. */
function trial(): Sandbox {
  const root = madeDir()
  for (const name of ['usr', 'bin', 'lib', 'lib32', 'lib64', 'libx32', 'nix']) {
    const entry = hostTree.entry(`/${name}`)
    if (entry?.kind === 'link') {
      root.children.set(name, { kind: 'link', target: hostTree.target(`/${name}`) })
    } else if (entry) root.children.set(name, readOnlyBind(`/${name}`))
  }
  root.children.set('proc', { kind: 'proc', children: new Map() })
  root.children.set('dev', { kind: 'dev', children: new Map() })
  return bareSandbox(root)
}
