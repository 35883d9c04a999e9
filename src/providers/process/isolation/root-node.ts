// SPDX-License-Identifier: Apache-2.0
// A container's root as a tree of what lies where. Only places where something begins have a node; what
// lies below a bind is the host's own tree.

/** A place in a container's root. */
export type RootNode = BindNode | MadeNode | SystemNode | ThroughNode | LinkNode

/** A place that can hold others. */
export type DirNode = Exclude<RootNode, LinkNode>

/** What the pod calls a mount of its own; the name is empty where every container has it. */
export interface MountLabel {
  readonly name: string
  readonly mountPath: string
}

/** Something of the host, with all below it, unless children lie over parts of it. */
export interface BindNode {
  readonly kind: 'bind'
  readonly source: string
  readonly isReadOnly: boolean
  /** Device nodes work. */
  readonly hasDevices?: boolean
  /** It may vanish before it is bound; then it is left out. */
  readonly isOptional?: boolean
  /** Containers can change what is below, so that paths into it are to be trusted by nobody. */
  readonly isShared?: boolean
  readonly mount?: MountLabel
  readonly children: Map<string, RootNode>
}

/** A directory of the container's own, in memory. */
export interface MadeNode {
  readonly kind: 'made'
  readonly mode: number
  /** A file system of its own, read-only unless `isWritable`. */
  readonly isMount?: boolean
  readonly isWritable?: boolean
  readonly sizeBytes?: number | undefined
  readonly mount?: MountLabel
  readonly children: Map<string, RootNode>
}

/** What the kernel fills. */
export interface SystemNode {
  readonly kind: 'proc' | 'dev' | 'mqueue'
  readonly children: Map<string, RootNode>
}

/** What the bind above has there anyway; only its children are something else. */
export interface ThroughNode {
  readonly kind: 'through'
  readonly children: Map<string, RootNode>
}

export interface LinkNode {
  readonly kind: 'link'
  readonly target: string
}

/** A directory that is made, with nothing in it. */
export function madeDir(mode = 0o755): MadeNode {
  return { kind: 'made', mode, children: new Map() }
}

/** Something of the host that containers can only read. */
export function readOnlyBind(source: string): BindNode {
  return { kind: 'bind', source, isReadOnly: true, children: new Map() }
}

/** Something of the host that nobody else writes to while the container lives. */
export function writableBind(source: string): BindNode {
  return { kind: 'bind', source, isReadOnly: false, children: new Map() }
}

/** A directory in memory that stays as the plan makes it. */
export function sealedDir(mode = 0o755): MadeNode {
  return { kind: 'made', mode, isMount: true, children: new Map() }
}

/** An empty file system in memory. */
export function memoryDir(mode: number, sizeBytes?: number): MadeNode {
  return { kind: 'made', mode, isMount: true, isWritable: true, sizeBytes, children: new Map() }
}
