// SPDX-License-Identifier: Apache-2.0
// The image of sandboxes. Nothing is ever pulled for it: it is the one that the configuration names, which
// must be there, or it is made here and handed to the engine.
import type { CallContext } from '../../../provider/provider.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { isNotFound, oneLine } from '../engine/engine-error.ts'
import type { ImageInspect } from '../engine/engine-objects.ts'
import { imageArchive } from '../images/image-archive.ts'
import { pauseProgram } from './pause-program.ts'
import { swapProgram } from './swap-program.ts'

const reference = 'localhost/virtual-kubelet/pause:2'
/** Where swap-program.ts is in the image that is made here. */
export const swapPath = '/swap'

/** Sees to it that the image is there; resolves with what a container is created from. */
export async function ensurePauseImage(
  { client, architecture }: Pick<Engine, 'client' | 'architecture'>,
  { configured, signal }: { readonly configured: string | undefined } & Pick<CallContext, 'signal'>,
): Promise<string> {
  const idOf = async (image: string): Promise<string | undefined> => {
    const path = `/images/${encodeURI(image)}/json`
    const found = await client.json<ImageInspect>({ path }, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    return found?.Id
  }
  if (configured !== undefined) {
    const id = await idOf(configured)
    if (id !== undefined) return id
    throw new VkError(
      'NotFound',
      `the engine has no image "${configured}" (pauseImage), which is never pulled`,
    )
  }
  const program = pauseProgram(architecture)
  const swap = swapProgram(architecture)
  if (!program || !swap) {
    throw new VkError(
      'Unsupported',
      `no pause program is known for ${architecture}: set pauseImage`,
    )
  }
  const { id, bytes } = imageArchive({
    reference,
    architecture,
    config: { Entrypoint: ['/pause'] },
    files: [
      { path: 'pause', mode: 0o755, content: program },
      { path: swapPath.slice(1), mode: 0o755, content: swap },
    ],
  })
  if ((await idOf(id)) !== undefined) return id
  const load = {
    method: 'POST',
    path: '/images/load',
    query: { quiet: 1 },
    archive: bytes,
  } as const
  const progress = await client.text(load, { signal })
  if ((await idOf(id)) !== undefined) return id
  const why = failureIn(progress)
  throw new VkError('Unavailable', `the engine did not take the pause image: ${why}`)
}

/** Docker agrees to every load, and says in its progress what has become of it. */
function failureIn(progress: string): string {
  const [, words] = /"error":\s*("(?:[^"\\]|\\.)*")/.exec(progress) ?? []
  return words === undefined ? 'it does not say why' : oneLine(JSON.parse(words) as string)
}
