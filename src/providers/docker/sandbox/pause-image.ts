// SPDX-License-Identifier: Apache-2.0
// The image of sandboxes. Nothing is ever pulled for it: it is the one that the configuration names, which
// must be there, or it is made here and handed to the engine.
import type { CallContext } from '../../../provider/provider.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { isNotFound, oneLine } from '../engine/engine-error.ts'
import type { ImageInspect } from '../engine/engine-objects.ts'
import { imageArchive } from '../images/image-archive.ts'
import { dialProgram } from './dial-program.ts'
import { pauseProgram } from './pause-program.ts'
import { swapProgram } from './swap-program.ts'

const reference = 'localhost/virtual-kubelet/pause:3'
/** Where swap-program.ts is in the image that is made here. */
export const swapPath = '/swap'
/** Where dial-program.ts is. */
export const dialPath = '/dial'

export interface PauseImagePlaces extends Pick<CallContext, 'signal'> {
  /** The image that the configuration names. */
  readonly configured: string | undefined
}

type PauseEngine = Pick<Engine, 'client' | 'architecture'>

/** Sees to it that the image is there; resolves with what a container is created from. */
export async function ensurePauseImage(
  engine: PauseEngine,
  { configured, signal }: PauseImagePlaces,
): Promise<string> {
  if (configured === undefined) return await ensureOwnImage(engine, signal)
  const id = await idOf(configured, { engine, signal })
  if (id !== undefined) return id
  const why = `the engine has no image "${configured}" (pauseImage), which is never pulled`
  throw new VkError('NotFound', why)
}

async function ensureOwnImage(engine: PauseEngine, signal: AbortSignal): Promise<string> {
  const { id, bytes: archive } = ownImage(engine.architecture)
  if ((await idOf(id, { engine, signal })) !== undefined) return id
  const load = { method: 'POST', path: '/images/load', query: { quiet: 1 }, archive } as const
  const progress = await engine.client.text(load, { signal })
  if ((await idOf(id, { engine, signal })) !== undefined) return id
  const why = failureIn(progress)
  throw new VkError('Unavailable', `the engine did not take the pause image: ${why}`)
}

function ownImage(architecture: string): ReturnType<typeof imageArchive> {
  const [program, swap] = [pauseProgram(architecture), swapProgram(architecture)]
  const dial = dialProgram(architecture)
  if (!program || !swap || !dial) {
    const why = `no pause program is known for ${architecture}: set pauseImage`
    throw new VkError('Unsupported', why)
  }
  return imageArchive({
    reference,
    architecture,
    config: { Entrypoint: ['/pause'] },
    files: [
      { path: 'pause', mode: 0o755, content: program },
      { path: swapPath.slice(1), mode: 0o755, content: swap },
      { path: dialPath.slice(1), mode: 0o755, content: dial },
    ],
  })
}

async function idOf(
  image: string,
  { engine, signal }: { readonly engine: PauseEngine; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const path = `/images/${encodeURI(image)}/json`
  try {
    return (await engine.client.json<ImageInspect>({ path }, { signal })).Id
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Docker agrees to every load, and says in its progress what has become of it. */
function failureIn(progress: string): string {
  const [, words] = /"error":\s*("(?:[^"\\]|\\.)*")/.exec(progress) ?? []
  return words === undefined ? 'it does not say why' : oneLine(JSON.parse(words) as string)
}
