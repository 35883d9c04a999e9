// SPDX-License-Identifier: Apache-2.0
// The root of a container whose image is the host: the host's own tree, read-only, without the places where
// people, sessions and other programs keep what is theirs. What programs must be able to write to is the
// container's own. docs/decisions/0009-a-root-of-its-own.md says why it is these.
import { isPathWithin } from '../../../util/path-within.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'
import { inside } from './file-tree.ts'
import type { FileTree } from './file-tree.ts'
import { RootBuilder } from './root-builder.ts'
import { madeDir, readOnlyBind, sealedDir, writableBind } from './root-node.ts'
import type { RootNode } from './root-node.ts'
import { addSystem } from './system-dirs.ts'
import type { SystemOptions } from './system-dirs.ts'
import { kitNode } from './tool-kit.ts'
import type { ToolKit } from './tool-kit.ts'
import { checkTrusted, kitDir, trustedInImage } from './trusted-files.ts'

/** Directories of the host that containers find empty. */
export const hiddenDirs: readonly string[] = [
  '/boot',
  '/home',
  '/lost+found',
  '/media',
  '/mnt',
  '/root',
  '/run',
  '/srv',
]

/** Is the path in a place of the host that containers do not see? */
export function isHidden(path: string): boolean {
  return hiddenDirs.some((dir) => isPathWithin(path, dir))
}

/** Places on the host for what a container may write to. */
export interface ScratchDirs {
  readonly tmp: string
  readonly varTmp: string
  /** What lies at the user's home, where that is hidden. */
  readonly home?: { readonly path: string; readonly source: string }
}

/** What every root has. */
export interface RootOptions {
  readonly tree: FileTree
  /** Undefined: there is nothing to write to. */
  readonly scratch: ScratchDirs | undefined
  readonly system: SystemOptions
}

export interface HostRootOptions extends RootOptions {
  /** Further paths of the host that containers see, read-only. */
  readonly visible: readonly string[]
  /** Never seen, wherever it lies. Free of links. */
  readonly protectedDir: string
}

export interface ImageRootOptions extends RootOptions {
  /** The image's directory. */
  readonly imageRoot: string
  readonly kit: ToolKit | undefined
}

/** A root that shows an image; throws a VkError where nothing could be started in it. */
export function imageRootOf({
  tree,
  scratch,
  system,
  imageRoot,
  kit,
}: ImageRootOptions): RootBuilder {
  if (!kit) {
    throw new VkError('Unsupported', 'this machine cannot start programs in roots of their own', {
      podReason: 'CreateContainerError',
    })
  }
  const root = madeDir()
  const builder = new RootBuilder(root, tree)
  for (const name of tree.names(imageRoot)) {
    root.children.set(name, sameAs(inside(imageRoot, name), tree))
  }
  addSystem(builder, { tree, options: system })
  const written = scratch ? addScratch(builder, scratch) : []
  if (!scratch) addEmptyPlaces(builder)
  builder.put(kitDir, kitNode(kit))
  // The loader would run what it names, before rights are given up.
  const preload = '/etc/ld.so.preload'
  if (builder.find(preload)) builder.put(preload, readOnlyBind('/dev/null'))
  checkLinks(builder, ['/proc', '/dev', ...written])
  return builder
}

/** Links of the image could lead what starts containers to where these can write. */
function checkLinks(builder: RootBuilder, written: readonly string[]): void {
  for (const path of written) {
    try {
      checkTrusted(builder, builder.locate(path), trustedInImage)
    } catch (cause) {
      throw new VkError(
        'Invalid',
        `Cannot use the image, for "${path}" in it: ${messageOf(cause)}`,
        {
          podReason: 'CreateContainerError',
          cause,
        },
      )
    }
  }
}

/** A root that shows the host. */
export function hostRoot(options: HostRootOptions): RootBuilder {
  const { tree, visible, scratch, protectedDir } = options
  const root = madeDir()
  const builder = new RootBuilder(root, tree)
  for (const name of tree.names('/')) root.children.set(name, topLevel(name, tree))
  addSystem(builder, { tree, options: options.system })
  if (scratch) addScratch(builder, scratch)
  else addEmptyPlaces(builder)
  for (const path of visible) {
    if (tree.entry(path) && !builder.find(path)) builder.put(path, readOnlyBind(path))
  }
  keepResolver(builder, tree)
  if (builder.find(protectedDir)) builder.put(protectedDir, sealedDir())
  return builder
}

function topLevel(name: string, tree: FileTree): RootNode {
  const path = `/${name}`
  return hiddenDirs.includes(path) ? madeDir() : sameAs(path, tree)
}

function sameAs(path: string, tree: FileTree): RootNode {
  return tree.entry(path)?.kind === 'link'
    ? { kind: 'link', target: tree.target(path) }
    : readOnlyBind(path)
}

/** Answers the paths, as they are written. */
function addScratch(builder: RootBuilder, { tmp, varTmp, home }: ScratchDirs): readonly string[] {
  const hasVar = builder.find('/var') !== undefined
  builder.put('/tmp', writableBind(tmp))
  if (hasVar) builder.put('/var/tmp', writableBind(varTmp))
  if (home) builder.put(home.path, writableBind(home.source))
  return ['/tmp', ...(hasVar ? ['/var/tmp'] : []), ...(home ? [home.path] : [])]
}

function addEmptyPlaces(builder: RootBuilder): void {
  builder.put('/tmp', sealedDir(0o1777))
  if (builder.find('/var')) builder.put('/var/tmp', sealedDir(0o1777))
}

/** Where /etc/resolv.conf is a link into what is hidden, names would not be found any more. */
function keepResolver(builder: RootBuilder, tree: FileTree): void {
  const path = '/etc/resolv.conf'
  if (tree.entry(path)?.kind !== 'link' || builder.find(path)) return
  const real = tree.real(path)
  if (real !== undefined) builder.put(path, readOnlyBind(real))
}
