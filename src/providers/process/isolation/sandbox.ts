// SPDX-License-Identifier: Apache-2.0
// A container's sandbox as it is planned: what bubblewrap, or a list of system calls, makes of it.
import type { Caller } from './calls/caller-file.ts'
import type { PodMemory } from './pod-memory.ts'
import { ownNamespaces } from './pod-namespaces.ts'
import type { Namespaces } from './pod-namespaces.ts'
import type { DirNode } from './root-node.ts'

/** A filter of system calls as a container has it. */
interface ContainerFilter {
  /** Of bwrap's first process; a file of the host. */
  readonly program: string
  /** Puts the filter on whatever is started by it; where the container has it. */
  readonly starter: string
  /** The same two as instructions. */
  readonly exact: Uint8Array
  readonly early: Uint8Array
}

/** What a container has of its own. */
export interface Sandbox extends Namespaces {
  /** Its root is not the host's: what starts the program comes from the kit. */
  readonly hasKit: boolean
  readonly root: DirNode
  /** Words of another bwrap around it; see guard.ts. */
  readonly guard: readonly string[] | undefined
  /** What root's bwrap keeps; undefined: it has none to give. */
  readonly capabilities: readonly string[] | undefined
  /** Undefined: its /dev/shm is nobody else's. */
  readonly memory: PodMemory | undefined
  /** Of system calls; undefined: all are let through. */
  readonly filter: ContainerFilter | undefined
  /** Directories of the container's own that are to be open to all; a list of calls opens them. */
  readonly openDirs: readonly string[]
  /** How it is made without bubblewrap, by a list of calls; undefined: bubblewrap makes it. */
  readonly calls: { readonly caller: Caller; readonly at: string } | undefined
}

/** One that shows `root` and has nothing else: everything of its own but the network, no rights, no filter. */
export function bareSandbox(root: DirNode): Sandbox {
  return {
    ...ownNamespaces,
    hasKit: false,
    root,
    guard: undefined,
    capabilities: [],
    memory: undefined,
    filter: undefined,
    openDirs: [],
    calls: undefined,
  }
}
