// SPDX-License-Identifier: Apache-2.0
// Images that are root file systems of this machine: a directory, or a tarball whose checksum the pod names.
// Only where the configuration allows them: whoever names a root sees all of it, whatever its modes are.
import { realpath, stat } from 'node:fs/promises'
import { normalize } from 'node:path'
import { isPathWithin } from '../../util/path-within.ts'
import { VkError } from '../../util/vk-error.ts'

/** A root file system on the host. */
export interface RootImage {
  readonly kind: 'root'
  /** Free of links. */
  readonly path: string
  /** Of a tarball, SHA-256 in hexadecimal; undefined: it is a directory. */
  readonly digest: string | undefined
}

/** What images may be. */
export interface RootImagePlaces {
  /** Below which `dir:` and `tar:` may name root file systems. */
  readonly imageDirPrefixes: readonly string[]
  /** Containers can be given a root of their own. */
  readonly canIsolate: boolean
  /** Undefined: not known, and nothing is kept out. */
  readonly protectedDir: string | undefined
}

/** Does the image name a root file system? */
export function isRootReference(image: string): boolean {
  return /^(dir|tar):/.test(image)
}

/** Finds it, without unpacking; rejects with a VkError of reason InvalidImageName or ErrImagePull. */
export async function resolveRootImage(image: string, places: RootImagePlaces): Promise<RootImage> {
  const { kind, path, digest } = parseReference(image)
  const refuse = (why: string): never => {
    throw new VkError('Unsupported', `Cannot use image "${image}": ${why}`, {
      podReason: 'ErrImagePull',
    })
  }
  if (!places.canIsolate) refuse('a root of its own takes bubblewrap, which does not work here')
  const prefixes = places.imageDirPrefixes
  const allowed = prefixes.length === 0 ? 'none' : prefixes.join(', ')
  const outside = `it is not below imageDirPrefixes of the process provider (${allowed})`
  if (!prefixes.some((prefix) => isPathWithin(path, prefix))) refuse(outside)
  const real = await realpath(path).catch(() => refuse('there is nothing of that name'))
  const own = places.protectedDir === undefined ? undefined : await realOr(places.protectedDir)
  const roots = await Promise.all(prefixes.map(realOr))
  if (!roots.some((root) => isPathWithin(real, root))) refuse(outside)
  if (own !== undefined && (isPathWithin(real, own) || isPathWithin(own, real))) refuse(outside)
  const found = await stat(real)
  if (kind === 'dir' && !found.isDirectory()) refuse('it is no directory')
  if (kind === 'tar' && !found.isFile()) refuse('it is no file')
  return { kind: 'root', path: real, digest }
}

interface Reference {
  readonly kind: 'dir' | 'tar'
  readonly path: string
  readonly digest: string | undefined
}

function parseReference(image: string): Reference {
  const match = /^(dir|tar):(\/[^\0@]*)(?:@sha256:([0-9a-f]{64}))?$/.exec(image)
  const [, kind, path = '', digest] = match ?? []
  const isCanonical = path !== '/' && normalize(path).replace(/\/$/, '') === path
  if ((kind !== 'dir' && kind !== 'tar') || !isCanonical) {
    throw invalid(image, 'it must read dir:/PATH, or tar:/PATH@sha256:HEX in 64 lower-case digits')
  }
  if (kind === 'dir' && digest !== undefined) {
    throw invalid(image, 'a directory can change after it was looked at; only a tarball is pinned')
  }
  if (kind === 'tar' && digest === undefined) {
    throw invalid(image, 'a tarball is pinned by its checksum: tar:/PATH@sha256:HEX')
  }
  return { kind, path, digest }
}

function invalid(image: string, why: string): VkError {
  return new VkError('Invalid', `Cannot use image "${image}": ${why}`, {
    podReason: 'InvalidImageName',
  })
}

async function realOr(path: string): Promise<string> {
  return await realpath(path).catch(() => path)
}
