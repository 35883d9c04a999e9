// SPDX-License-Identifier: Apache-2.0
// Who runs a node, as told from others that may take its name: a random id that is kept in the node's
// directory, so that a process which is started again is the same instance.
import { randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cannotUseFolder } from '../util/make-folder.ts'

const wellFormed = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The id kept in `nodeDir`; made when there is none that can be read. */
export async function readInstanceId(nodeDir: string): Promise<string> {
  const path = join(nodeDir, 'instance')
  const known = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return ''
    throw cannotUseFolder(nodeDir, cause)
  })
  if (wellFormed.test(known.trim())) return known.trim()
  const made = randomUUID()
  try {
    await writeFile(`${path}.tmp`, `${made}\n`, { mode: 0o600 })
    await rename(`${path}.tmp`, path)
  } catch (cause) {
    throw cannotUseFolder(nodeDir, cause)
  }
  return made
}
