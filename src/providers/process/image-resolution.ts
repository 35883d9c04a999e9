// SPDX-License-Identifier: Apache-2.0
// What `image` means to host processes: `host` is the host itself; anything else names a program or
// directory on it, by absolute path or by a name in one of the configured directories. Nothing is
// ever pulled, and nothing of virtual-kubelet's own directory can be named.
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { isPathWithin } from '../../util/path-within.ts'
import { VkError } from '../../util/vk-error.ts'
import { isRootReference, resolveRootImage } from './root-image.ts'
import type { RootImage, RootImagePlaces } from './root-image.ts'

/** The image that means just the host. */
export const hostImage = 'host'

export interface ImagePlaces extends RootImagePlaces {
  readonly imagePath: readonly string[]
}

/** What an image turned out to be. */
export type ResolvedImage =
  | { readonly kind: 'host' }
  | { readonly kind: 'file' | 'directory'; readonly path: string }
  | RootImage

/** Finds the image; throws a VkError with reason CreateContainerConfigError when it is nothing. */
export async function resolveImage(image: string, places: ImagePlaces): Promise<ResolvedImage> {
  if (image === hostImage) return { kind: 'host' }
  if (isRootReference(image)) return await resolveRootImage(image, places)
  const candidates = isAbsolute(image)
    ? [image]
    : isPlainName(image)
      ? places.imagePath.map((dir) => join(dir, image))
      : []
  for (const candidate of candidates) {
    const found = await inspect(candidate, places.protectedDir)
    if (found !== undefined) return found
  }
  const where = isAbsolute(image)
    ? 'an existing file'
    : places.imagePath.length === 0
      ? 'an absolute path (imagePath names no directory to look in)'
      : `a file in ${places.imagePath.join(', ')}`
  throw new VkError(
    'NotFound',
    `Cannot use image "${image}": it is neither "${hostImage}" nor ${where}; the process provider pulls nothing`,
    { podReason: 'CreateContainerConfigError' },
  )
}

/** status.imageID of a resolved image. */
export function imageIdOf(image: ResolvedImage): string {
  if (image.kind === 'root') return image.digest ? `sha256:${image.digest}` : `dir:${image.path}`
  return image.kind === 'host' ? hostImage : `file://${image.path}`
}

function isPlainName(image: string): boolean {
  return image
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))
}

async function inspect(
  path: string,
  protectedDir: string | undefined,
): Promise<ResolvedImage | undefined> {
  if (path.includes('\0')) return undefined
  try {
    const real = await realpath(path)
    const own = protectedDir && (await realpath(protectedDir).catch(() => protectedDir))
    if (own && isPathWithin(real, own)) return undefined
    const found = await stat(real)
    if (found.isFile()) return { kind: 'file', path }
    return found.isDirectory() ? { kind: 'directory', path } : undefined
  } catch {
    // Not there or not readable: to a pod that is the same.
    return undefined
  }
}
