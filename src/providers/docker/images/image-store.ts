// SPDX-License-Identifier: Apache-2.0
// The images that containers are made from: present, or pulled as the container's policy says, with a
// kubelet's events and reasons. Pulls of one image with the same credentials are one pull.
import type { RecordedEvent } from '../../../kube/event-recorder.ts'
import type { RegistryCredential } from '../../../provider/provider.ts'
import {
  parseImageReference,
  withDefaultTag,
  type ImageReference,
} from '../../../runtime/images/image-reference.ts'
import { credentialsFor } from '../../../runtime/images/registry-credentials.ts'
import type { Clock } from '../../../util/clock.ts'
import { untilAborted } from '../../../util/until-aborted.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { isNotFound } from '../engine/engine-error.ts'
import type { ImageInspect } from '../engine/engine-objects.ts'
import { hostImageHint } from './host-image.ts'
import { pullImage } from './pull-image.ts'
import type { PullRecords } from './pull-records.ts'

export interface ImageOrder {
  /** As the container names it. */
  readonly image: string
  readonly policy: string
  readonly credentials: () => Promise<readonly RegistryCredential[]>
  /** Records an event about the container. */
  readonly notice: (event: RecordedEvent) => void
  readonly signal: AbortSignal
}

/** An image that is there. */
export interface PresentImage {
  readonly id: string
  /** For status.imageID: with the digest where it came from a registry. */
  readonly reference: string
  /** Of its configuration; empty for root. */
  readonly user: string
}

export interface ImageStoreParts {
  readonly client: EngineClient
  readonly clock: Clock
  readonly records: PullRecords
  /** Credentials of the node itself, which every pod may use. */
  nodeCredentials(registry: string): Promise<readonly RegistryCredential[]>
  /** Images that pods ask for now are not collected. */
  used(imageId: string): void
}

interface Pulled {
  readonly image: ImageInspect
  readonly durationMs: number
}

const seenForMs = 2000

/** Images of one engine. */
export class ImageStore {
  readonly #parts: ImageStoreParts
  readonly #seen = new Map<string, { readonly image: ImageInspect; readonly atMs: number }>()
  readonly #pulls = new Map<string, Promise<Pulled>>()

  constructor(parts: ImageStoreParts) {
    this.#parts = parts
  }

  /** Sees to it that the image is there; rejects with a kubelet's waiting reason as podReason. */
  async ensure(order: ImageOrder): Promise<PresentImage> {
    const reference = this.#referenceOf(order)
    const name = withDefaultTag(order.image, reference)
    const present = order.policy === 'Always' ? undefined : await this.#present(name, order)
    const image = (await this.#usable(present, order)) ?? (await this.#pull(reference, name, order))
    this.#parts.used(image.Id)
    return presentImage(image, reference)
  }

  #referenceOf({ image, notice }: ImageOrder): ImageReference {
    const reference = parseImageReference(image)
    if (reference) return reference
    const quoted = JSON.stringify(image)
    const message =
      `Failed to apply default image tag ${quoted}: ` +
      `couldn't parse image name ${quoted}: invalid reference format`
    notice({ type: 'Warning', reason: 'InspectFailed', message })
    throw new VkError('Invalid', message, { podReason: 'InvalidImageName' })
  }

  /** The image that is there, if the pod may use it. */
  async #usable(
    present: ImageInspect | undefined,
    { image, policy, credentials, notice }: ImageOrder,
  ): Promise<ImageInspect | undefined> {
    const quoted = JSON.stringify(image)
    const isUsable =
      present !== undefined &&
      (this.#parts.records.isFree(present.Id, []) ||
        this.#parts.records.isFree(present.Id, await credentials()))
    if (isUsable) {
      const message = `Container image ${quoted} already present on machine and can be accessed by the pod`
      notice({ type: 'Normal', reason: 'Pulled', message })
      return present
    }
    if (policy !== 'Never') return undefined
    const message = `Container image ${quoted} is not present with pull policy of Never`
    notice({ type: 'Warning', reason: 'ErrImageNeverPull', message })
    throw new VkError('NotFound', message, { podReason: 'ErrImageNeverPull' })
  }

  async #pull(
    reference: ImageReference,
    name: string,
    { image, credentials, notice, signal }: ImageOrder,
  ): Promise<ImageInspect> {
    const quoted = JSON.stringify(image)
    const { clock } = this.#parts
    const startedMs = clock.monotonicMs()
    const usable = await this.#credentialsFor(reference, await credentials())
    notice({ type: 'Normal', reason: 'Pulling', message: `Pulling image ${quoted}` })
    try {
      const pull = this.#shared(reference, { name, credentials: usable })
      const { image: pulled, durationMs } = await untilAborted(pull, signal)
      const waited = asDuration(clock.monotonicMs() - startedMs)
      const message =
        `Successfully pulled image ${quoted} in ${asDuration(durationMs)} ` +
        `(${waited} including waiting). Image size: ${pulled.Size} bytes.`
      notice({ type: 'Normal', reason: 'Pulled', message })
      return pulled
    } catch (error) {
      if (signal.aborted) throw error
      throw new VkError('Unavailable', messageOf(error) + hostImageHint(image), {
        cause: error,
        podReason: 'ErrImagePull',
      })
    }
  }

  async #credentialsFor(
    reference: ImageReference,
    ofPod: readonly RegistryCredential[],
  ): Promise<readonly (RegistryCredential | undefined)[]> {
    const own = credentialsFor(reference, ofPod)
    const ofNode = await this.#parts.nodeCredentials(reference.registry)
    const all = [...own, ...ofNode]
    return all.length === 0 ? [undefined] : all
  }

  #shared(
    reference: ImageReference,
    what: {
      readonly name: string
      readonly credentials: readonly (RegistryCredential | undefined)[]
    },
  ): Promise<Pulled> {
    const key = JSON.stringify([reference, what.credentials])
    const underWay = this.#pulls.get(key)
    if (underWay) return underWay
    const pull = this.#pullOnce(reference, what).finally(() => this.#pulls.delete(key))
    this.#pulls.set(key, pull)
    return pull
  }

  /** Tries one credential after the other. Nobody's leaving ends it: others may wait for it, too. */
  async #pullOnce(
    reference: ImageReference,
    {
      name,
      credentials,
    }: { readonly name: string; readonly credentials: readonly (RegistryCredential | undefined)[] },
  ): Promise<Pulled> {
    const { client, clock, records } = this.#parts
    const { signal } = new AbortController()
    const startedMs = clock.monotonicMs()
    const failures: unknown[] = []
    for (const credential of credentials) {
      try {
        await pullImage(reference, { client, clock, credential, signal })
        const image = await this.#inspect(name, signal)
        if (!image) throw new VkError('NotFound', 'the engine does not have it after the pull')
        await records.note(image.Id, credential)
        return { image, durationMs: clock.monotonicMs() - startedMs }
      } catch (error) {
        failures.push(error)
      }
    }
    throw failures.at(-1)
  }

  /** Whether it is there; an engine that cannot tell is told of as a kubelet does. */
  async #present(
    name: string,
    { image, notice, signal }: ImageOrder,
  ): Promise<ImageInspect | undefined> {
    try {
      return await this.#lookUp(name, signal)
    } catch (error) {
      if (signal.aborted) throw error
      const message = `Failed to inspect image ${JSON.stringify(image)}: ${messageOf(error)}`
      notice({ type: 'Warning', reason: 'InspectFailed', message })
      throw new VkError('Unavailable', message, { cause: error, podReason: 'ImageInspectError' })
    }
  }

  /** Whether it is there; what was so a moment ago is not asked again for each container of a pod. */
  async #lookUp(name: string, signal: AbortSignal): Promise<ImageInspect | undefined> {
    const nowMs = this.#parts.clock.monotonicMs()
    const seen = this.#seen.get(name)
    if (seen && nowMs - seen.atMs < seenForMs) return seen.image
    const image = await this.#inspect(name, signal)
    for (const [old, { atMs }] of this.#seen) if (nowMs - atMs >= seenForMs) this.#seen.delete(old)
    if (image) this.#seen.set(name, { image, atMs: nowMs })
    return image
  }

  async #inspect(name: string, signal: AbortSignal): Promise<ImageInspect | undefined> {
    const path = `/images/${encodeURI(name)}/json`
    try {
      return await this.#parts.client.json<ImageInspect>({ path }, { signal })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
}

function presentImage(
  { Id, RepoDigests, Config }: ImageInspect,
  { registry, repository }: ImageReference,
): PresentImage {
  const digests = RepoDigests ?? []
  const isSame = (digest: string): boolean => {
    const parsed = parseImageReference(digest)
    return parsed?.registry === registry && parsed.repository === repository
  }
  return { id: Id, reference: digests.find(isSame) ?? Id, user: Config?.User ?? '' }
}

/** As Go prints a duration, to the millisecond. */
function asDuration(ms: number): string {
  return ms < 1000 ? `${Math.floor(ms)}ms` : `${Math.floor(ms) / 1000}s`
}
