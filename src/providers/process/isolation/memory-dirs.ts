// SPDX-License-Identifier: Apache-2.0
// Directories in memory that the containers of a pod share: file systems mounted below our own directory,
// where nobody else sees them. They outlive us, and go with the pod's sandbox. Needs root.
import { mkdir, readdir, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { VkError } from '../../../util/vk-error.ts'
import type { RunTool } from '../run-tool.ts'

/** The directories in memory of a node's pods. */
export class MemoryDirs {
  readonly #dir: string
  readonly #mount: string
  readonly #run: RunTool

  /** `dir` is made when the first is asked for; `mount` is the program, beside which is umount. */
  constructor(dir: string, { mount, run }: { readonly mount: string; readonly run: RunTool }) {
    this.#dir = dir
    this.#mount = mount
    this.#run = run
  }

  /** Makes one, open to all, unless it is there. */
  async ensure({
    uid,
    name,
    sizeBytes,
  }: {
    readonly uid: string
    readonly name: string
    readonly sizeBytes: number | undefined
  }): Promise<{ readonly hostPath: string; readonly isNew: boolean }> {
    const hostPath = join(this.#dir, uid, name)
    await mkdir(hostPath, { recursive: true, mode: 0o700 })
    if (await isMountPoint(hostPath)) return { hostPath, isNew: false }
    const size = sizeBytes === undefined ? '' : `,size=${sizeBytes}`
    const options = `mode=1777,nosuid,nodev${size}`
    try {
      const what = ['-t', 'tmpfs', '-o', options, 'virtual-kubelet', hostPath]
      await this.#run([this.#mount, '-n', ...what])
    } catch (cause) {
      const why = cause instanceof VkError ? cause.message : 'it cannot be mounted'
      throw new VkError('Unavailable', `Cannot make a volume in memory: ${why}`, { cause })
    }
    return { hostPath, isNew: true }
  }

  /** Removes those of a pod, with what is in them. */
  async remove(uid: string): Promise<void> {
    const dir = join(this.#dir, uid)
    for (const name of await namesIn(dir)) {
      const path = join(dir, name)
      if (await isMountPoint(path))
        await this.#run([join(this.#mount, '../umount'), '-n', '-l', path])
      await rmdir(path)
    }
    await rmdir(dir).catch(ifGone)
  }
}

/** Another file system than its parent directory's. */
async function isMountPoint(path: string): Promise<boolean> {
  const [own, parent] = await Promise.all([stat(path), stat(join(path, '..'))])
  return own.dev !== parent.dev
}

async function namesIn(dir: string): Promise<readonly string[]> {
  return await readdir(dir).catch((error: unknown) => {
    ifGone(error)
    return []
  })
}

function ifGone(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
