// SPDX-License-Identifier: Apache-2.0
// Root file systems unpacked from tarballs, one for each checksum, below our own directory. One comes into
// being whole, by a rename, after its bytes were found to be those that the pod names; it stays while a pod
// uses it and for a while after. Unpacking happens in a sandbox that can write nowhere else.
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../util/clock.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'
import type { HostTools } from '../host-tools.ts'
import { removeTree } from './remove-tree.ts'
import { unpackTarball } from './unpack-tarball.ts'

/** So long an image is kept that no pod uses. */
const keptMs = 3_600_000

export interface ImageStoreOptions {
  readonly tools: Pick<HostTools, 'bubblewrap' | 'tar'>
  readonly clock: Pick<Clock, 'nowMs'>
}

/** A tarball and what its bytes must be. */
export interface Tarball {
  readonly path: string
  /** SHA-256, in lower-case hexadecimal. */
  readonly digest: string
}

/** The unpacked images of a node. */
export class ImageStore {
  readonly #dir: string
  readonly #options: ImageStoreOptions
  readonly #unpacking = new Map<string, Promise<void>>()

  constructor(dir: string, options: ImageStoreOptions) {
    this.#dir = dir
    this.#options = options
  }

  /** Directory of the unpacked image, which stays while the pod is there. Rejects with ErrImagePull. */
  async ensure(tarball: Tarball, podUid: string): Promise<string> {
    const dir = join(this.#dir, tarball.digest)
    await mkdir(join(dir, 'pods'), { recursive: true, mode: 0o700 })
    await writeFile(join(dir, 'pods', podUid), '', { mode: 0o600 })
    const root = join(dir, 'root')
    if (!(await exists(root))) await this.#unpackOnce(tarball, root)
    return root
  }

  /** The pod is gone; what nobody has used for long is removed. */
  async release(podUid: string): Promise<void> {
    for (const name of await namesIn(this.#dir)) {
      const dir = join(this.#dir, name)
      const marker = join(dir, 'pods', podUid)
      if (await exists(marker)) {
        await rm(marker, { force: true })
        const now = new Date(this.#options.clock.nowMs())
        await utimes(dir, now, now)
      }
      await this.#removeUnused(dir)
    }
  }

  async #removeUnused(dir: string): Promise<void> {
    const { mtimeMs } = await stat(dir)
    const isFresh = this.#options.clock.nowMs() - mtimeMs < keptMs
    if (isFresh || (await namesIn(join(dir, 'pods'))).length > 0) return
    // Whoever comes now finds none, and unpacks it anew.
    const doomed = join(this.#dir, `.removed-${randomBytes(8).toString('hex')}`)
    await rename(dir, doomed)
    await removeTree(doomed)
  }

  /** Pods that want the same image wait for one unpacking. */
  async #unpackOnce(tarball: Tarball, root: string): Promise<void> {
    const { digest } = tarball
    const unpacking =
      this.#unpacking.get(digest) ??
      this.#unpack(tarball, root).finally(() => this.#unpacking.delete(digest))
    this.#unpacking.set(digest, unpacking)
    await unpacking
  }

  async #unpack({ path, digest }: Tarball, root: string): Promise<void> {
    const fail = (why: string, cause?: unknown): never => {
      throw new VkError('Unavailable', `Cannot unpack image "tar:${path}": ${why}`, {
        podReason: 'ErrImagePull',
        cause,
      })
    }
    const half = `${root}.${randomBytes(8).toString('hex')}`
    await mkdir(half, { mode: 0o755 })
    try {
      const found = await unpackTarball(path, { dir: half, tools: this.#options.tools })
      if (found !== digest) fail(`its SHA-256 is ${found}`)
      await rename(half, root)
    } catch (error) {
      await removeTree(half)
      if (error instanceof VkError) throw error
      const { code } = error as NodeJS.ErrnoException
      fail(code ?? messageOf(error), error)
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

async function namesIn(dir: string): Promise<readonly string[]> {
  return await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}
