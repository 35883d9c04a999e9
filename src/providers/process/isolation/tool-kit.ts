// SPDX-License-Identifier: Apache-2.0
// The few programs that stand between bwrap and a container's own, for roots that are not the host's: bound
// into a directory of ours with their loader and libraries, so that nothing in the image is run with rights
// that the container does not have.
import { basename } from 'node:path'
import type { HostTools } from '../host-tools.ts'
import { madeDir, readOnlyBind } from './root-node.ts'
import type { MadeNode } from './root-node.ts'
import { kitDir, parseLibraries } from './trusted-files.ts'
import { tryTool } from '../try-tool.ts'

/** Ways to run the programs inside, each up to its own arguments. */
export interface StepPrograms {
  readonly shell: readonly string[]
  readonly setsid: readonly string[]
  readonly setpriv: readonly string[]
  readonly nsenter: readonly string[]
  readonly node: readonly string[]
}

/** The programs as files of the host, with what they need to be started anywhere. */
export interface ToolKit {
  readonly programs: ReadonlyMap<keyof StepPrograms, string>
  readonly loader: string
  readonly libraries: readonly string[]
}

/** Undefined where this machine's programs cannot be taken apart. */
export function findToolKit(tools: HostTools): ToolKit | undefined {
  const { shell, setsid, setpriv, nsenter } = tools
  if (!setsid || !setpriv || !nsenter) return undefined
  const programs = new Map([
    ['shell', shell],
    ['setsid', setsid],
    ['setpriv', setpriv],
    ['nsenter', nsenter],
    ['node', process.execPath],
  ] as const)
  const { stdout, status } = tryTool('ldd', [...programs.values()], {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  })
  const libraries = status === 0 ? parseLibraries(stdout) : []
  const loader = libraries.find((path) => /^ld(-linux|-musl|64)?[^/]*\.so/.test(basename(path)))
  return loader === undefined ? undefined : { programs, loader, libraries }
}

/** The directory of a container's root that holds the kit. */
export function kitNode({ programs, loader, libraries }: ToolKit): MadeNode {
  const lib = madeDir()
  for (const path of libraries) lib.children.set(basename(path), readOnlyBind(path))
  const node = madeDir()
  node.children.set('lib', lib)
  node.children.set('loader', readOnlyBind(loader))
  for (const [name, path] of programs) node.children.set(name, readOnlyBind(path))
  return node
}

/** How the programs are run in a root with the kit in it, or in one that is the host's. */
export function stepPrograms(tools: HostTools, hasKit: boolean): StepPrograms {
  const { shell, setsid = 'setsid', setpriv = 'setpriv', nsenter = 'nsenter' } = tools
  if (!hasKit) {
    return {
      shell: [shell],
      setsid: [setsid],
      setpriv: [setpriv],
      nsenter: [nsenter],
      node: [process.execPath],
    }
  }
  const run = (name: keyof StepPrograms): readonly string[] => [
    `${kitDir}/loader`,
    '--library-path',
    `${kitDir}/lib`,
    `${kitDir}/${name}`,
  ]
  return {
    shell: run('shell'),
    setsid: run('setsid'),
    setpriv: run('setpriv'),
    nsenter: run('nsenter'),
    node: run('node'),
  }
}
