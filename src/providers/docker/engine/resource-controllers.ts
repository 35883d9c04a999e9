// SPDX-License-Identifier: Apache-2.0
// By what an engine can limit its containers. One that runs without root has the control groups of its user: what was
// handed down to that, by version 1 nothing. Podman ignores such limits then, or starts no container at all.
import type { EngineClient } from './engine-client.ts'
import type { EngineInfo } from './engine-objects.ts'
import { isRootless } from './is-rootless.ts'

/** The oldest version of Podman's own API that names them. */
const podmanVersion = '4.0.0'

/** Which resources of a container the engine can limit. */
export interface ResourceControllers {
  readonly cpu: boolean
  readonly memory: boolean
}

/** What an engine says of itself, and how to ask for more. */
export interface EngineAnswers {
  readonly client: Pick<EngineClient, 'json'>
  readonly kind: 'docker' | 'podman'
  readonly info: EngineInfo
}

interface PodmanInfo {
  readonly host?: { readonly cgroupControllers?: readonly string[] | null }
}

/** Asks for them where they may be missing. Rejects as calls of the engine do. */
export async function readControllers(
  { client, kind, info }: EngineAnswers,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<ResourceControllers> {
  if (!isRootless(info)) return { cpu: true, memory: true }
  if (kind === 'docker')
    return { cpu: info.CpuCfsQuota === true, memory: info.MemoryLimit === true }
  // What Podman says as Docker would are those of the machine.
  const request = { path: '/libpod/info', version: podmanVersion }
  const { host } = await client.json<PodmanInfo>(request, options)
  const names = host?.cgroupControllers ?? []
  return { cpu: names.includes('cpu'), memory: names.includes('memory') }
}
