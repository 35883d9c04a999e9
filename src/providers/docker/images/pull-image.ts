// SPDX-License-Identifier: Apache-2.0
// One pull through the engine. It answers 200 at once and tells of failures in its progress.
import type { RegistryCredential } from '../../../provider/provider.ts'
import type { ImageReference } from '../../../runtime/images/image-reference.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { connectionError, oneLine } from '../engine/engine-error.ts'
import { jsonLines } from '../engine/json-lines.ts'
import { whileHeard } from '../engine/while-heard.ts'

interface Progress {
  readonly error?: string
  readonly errorDetail?: { readonly message?: string }
}

export interface PullOptions {
  readonly client: EngineClient
  readonly clock: Clock
  readonly credential: RegistryCredential | undefined
  readonly signal: AbortSignal
}

/** Podman tells of no progress within a layer. */
const maxSilenceMs = 600_000
const noProgress = `the engine told of no progress for ${maxSilenceMs / 60_000} min`

/** Resolves when the image is there; rejects with the registry's or the engine's reason. */
export async function pullImage(
  { registry, repository, tag, digest }: ImageReference,
  { client, clock, credential, signal }: PullOptions,
): Promise<void> {
  const query = { fromImage: `${registry}/${repository}`, tag: digest ?? tag ?? 'latest' }
  const headers = { 'X-Registry-Auth': credential ? authHeader(credential, registry) : noAuth }
  try {
    const request = { method: 'POST', path: '/images/create', query, headers } as const
    const answer = await client.stream(request, { signal, timeoutMs: maxSilenceMs })
    const pieces = whileHeard(answer, { clock, maxSilenceMs, message: noProgress })
    let failure: string | undefined
    for await (const { error, errorDetail } of jsonLines<Progress>(pieces)) {
      failure ??= error ?? errorDetail?.message
    }
    if (failure !== undefined) throw new VkError('Unavailable', oneLine(failure))
  } catch (error) {
    throw connectionError(error, client.where)
  }
}

/** Podman takes an empty header for none, Docker wants an object. */
const noAuth = padded(Buffer.from('{}').toString('base64url'))

function authHeader(
  { username, password, identityToken }: RegistryCredential,
  serveraddress: string,
): string {
  const auth = identityToken
    ? { identitytoken: identityToken, serveraddress }
    : { username, password, serveraddress }
  return padded(Buffer.from(JSON.stringify(auth)).toString('base64url'))
}

/** The engine's decoder wants the padding that base64url leaves out. */
function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}
