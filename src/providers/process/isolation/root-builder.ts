// SPDX-License-Identifier: Apache-2.0
// Plans a container's root and finds paths in it as the container would, links included, without touching
// the host's tree. A mount point that is missing in something read-only is not made there: the directory
// that lacks it is replaced by one in memory with the same entries, each bound, and the new one.
import { posix } from 'node:path'
import type { FileTree } from './file-tree.ts'
import { inside } from './file-tree.ts'
import type { BindNode, DirNode, RootNode } from './root-node.ts'
import { madeDir } from './root-node.ts'

const maxLinks = 40

/** Why a path cannot be part of a root; the message completes "… at <path>: ". */
export class RootError extends Error {}

/** What a path of the container comes to. */
export interface FoundPath {
  /** The path without links. */
  readonly path: string
  /** Where its bytes are on the host; undefined for what is made, or filled by the kernel. */
  readonly hostPath: string | undefined
  readonly kind: 'file' | 'dir'
}

/** A place reached by names that are free of links. */
interface Place {
  readonly names: readonly string[]
  /** Undefined: below a bind, where the plan has nothing of its own. */
  readonly node: DirNode | undefined
  /** The bind that it is in, or is. */
  readonly bind: BindNode | undefined
  readonly hostPath: string | undefined
}

interface Walk {
  readonly place: Place
  /** Names below `place` that are not there. */
  readonly missing: readonly string[]
}

/** The root of one container, in the making. */
export class RootBuilder {
  readonly root: DirNode
  readonly #tree: FileTree
  /** What `locate` has answered since something was put last. */
  readonly #located = new Map<string, string>()

  constructor(root: DirNode, tree: FileTree) {
    this.root = root
    this.#tree = tree
  }

  /** Undefined: the container has nothing there. Links are followed. */
  find(path: string): FoundPath | undefined {
    const { place, missing } = this.#walk(path)
    if (missing.length > 0) return undefined
    return { path: pathOf(place.names), hostPath: place.hostPath, kind: this.#kindOf(place) }
  }

  /** The path without links, whether the container has something there or not. */
  locate(path: string): string {
    const known = this.#located.get(path)
    if (known !== undefined) return known
    const { place, missing } = this.#walk(path)
    const located = pathOf([...place.names, ...missing])
    this.#located.set(path, located)
    return located
  }

  /** Puts a node at a path, making what is missing on the way; answers the path without links. */
  put(path: string, node: DirNode): string {
    this.#located.clear()
    const { place, missing } = this.#walk(path)
    if (missing.length === 0) this.#checkCover(place, node)
    const names = [...place.names, ...missing]
    const last = names.at(-1)
    if (last === undefined) throw new RootError('it would take the place of everything')
    const parents = names.slice(0, -1)
    const parent = missing.length === 0 ? this.#dirAt(parents) : this.#roomIn(parents)
    parent.children.set(last, node)
    return pathOf(names)
  }

  /** Is the path, free of links, below a bind that others can change while the root is made? */
  isWithinShared(path: string): boolean {
    return this.#placeOf(namesIn(path).slice(0, -1)).bind?.isShared === true
  }

  #checkCover(place: Place, node: DirNode): void {
    const isFile = node.kind === 'bind' && this.#tree.entry(node.source)?.kind !== 'dir'
    if ((this.#kindOf(place) === 'file') === isFile) return
    throw new RootError(
      isFile
        ? 'there is a directory, and a file to mount'
        : 'there is a file, and a directory to mount',
    )
  }

  #kindOf({ node, hostPath }: Place): 'file' | 'dir' {
    if (hostPath === undefined || node?.kind === 'through') return 'dir'
    return this.#tree.entry(hostPath)?.kind === 'dir' ? 'dir' : 'file'
  }

  #walk(path: string): Walk {
    let place = this.#placeOf([])
    let rest = namesIn(posix.normalize(path))
    for (let links = 0; rest.length > 0;) {
      const [name = '', ...after] = rest
      if (name === '..') {
        place = this.#placeOf(place.names.slice(0, -1))
        rest = after
        continue
      }
      const next = this.#step(place, name)
      if (next === undefined) return { place, missing: namesIn(posix.join('/', ...rest)) }
      if (typeof next === 'object') {
        place = next
        rest = after
        continue
      }
      links += 1
      if (links > maxLinks) throw new RootError('too many links')
      if (next.startsWith('/')) place = this.#placeOf([])
      rest = [...namesIn(next), ...after]
    }
    return { place, missing: [] }
  }

  /** One name further: a place, the text of a link, or undefined when nothing is there. */
  #step(from: Place, name: string): Place | string | undefined {
    const child = from.node?.children.get(name)
    if (child?.kind === 'link') return child.target
    const hostPath = from.hostPath === undefined ? undefined : inside(from.hostPath, name)
    const names = [...from.names, name]
    if (child?.kind === 'bind') return { names, node: child, bind: child, hostPath: child.source }
    if (child?.kind === 'through') return { names, node: child, bind: from.bind, hostPath }
    if (child) return { names, node: child, bind: undefined, hostPath: undefined }
    const entry = hostPath === undefined ? undefined : this.#tree.entry(hostPath)
    if (entry === undefined || hostPath === undefined) {
      if (this.#kindOf(from) === 'file') throw new RootError('a file is in the way')
      return undefined
    }
    if (entry.kind === 'link') return this.#tree.target(hostPath)
    return { names, node: undefined, bind: from.bind, hostPath }
  }

  #placeOf(names: readonly string[]): Place {
    const { root } = this
    const bind = root.kind === 'bind' ? root : undefined
    let place: Place = { names: [], node: root, bind, hostPath: bind?.source }
    for (const name of names) {
      const next = this.#step(place, name)
      if (typeof next !== 'object') break
      place = next
    }
    return place
  }

  /** The directory as a part of the plan, made where it is missing; its names are free of links. */
  #dirAt(names: readonly string[]): DirNode {
    const last = names.at(-1)
    if (last === undefined) return this.root
    const parents = names.slice(0, -1)
    const parent = this.#dirAt(parents)
    if (parent.kind === 'proc') throw new RootError('it is inside of /proc')
    const known = parent.children.get(last)
    if (known !== undefined && known.kind !== 'link') return known
    const isThere = typeof this.#step(this.#placeOf(parents), last) === 'object'
    const node: DirNode = isThere ? { kind: 'through', children: new Map() } : madeDir()
    const owner = isThere ? parent : this.#roomIn(parents)
    owner.children.set(last, node)
    return node
  }

  /** The directory as one in which something can be made. */
  #roomIn(names: readonly string[]): DirNode {
    const node = this.#dirAt(names)
    if (node.kind === 'proc') throw new RootError('it is inside of /proc')
    const { bind, hostPath } = this.#placeOf(names)
    if (bind === undefined || !bind.isReadOnly || hostPath === undefined) return node
    const last = names.at(-1)
    if (last === undefined) throw new RootError('nothing can be made there')
    const shadow = this.#shadowOf(node, { bind, hostPath })
    this.#dirAt(names.slice(0, -1)).children.set(last, shadow)
    return shadow
  }

  /** A directory in memory that holds what the host's holds. */
  #shadowOf(
    node: DirNode,
    { bind, hostPath }: { readonly bind: BindNode; readonly hostPath: string },
  ): DirNode {
    const children = new Map<string, RootNode>()
    for (const name of this.#tree.names(hostPath)) {
      const source = inside(hostPath, name)
      const entry = this.#tree.entry(source)
      if (entry?.kind === 'link') {
        children.set(name, { kind: 'link', target: this.#tree.target(source) })
      } else if (entry) {
        children.set(name, { ...bind, source, isOptional: true, children: new Map() })
      }
    }
    for (const [name, child] of node.children) {
      const below = children.get(name)
      if (child.kind !== 'through') children.set(name, child)
      else if (below?.kind === 'bind') children.set(name, { ...below, children: child.children })
    }
    const mode = this.#tree.entry(hostPath)?.mode ?? 0o755
    return { kind: 'made', mode, isMount: true, children }
  }
}

/** Names of a path, without empty ones and `.`. */
function namesIn(path: string): readonly string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

function pathOf(names: readonly string[]): string {
  return `/${names.join('/')}`
}
