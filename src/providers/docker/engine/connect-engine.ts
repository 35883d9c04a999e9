// SPDX-License-Identifier: Apache-2.0
// Makes a client for an endpoint and learns what answers there: Docker or Podman, which version, and whether
// it is new enough for what this provider sends.
import { UserError, VkError, messageOf } from '../../../util/vk-error.ts'
import type { Clock } from '../../../util/clock.ts'
import { EngineClient } from './engine-client.ts'
import type { EngineEndpoint } from './engine-endpoint.ts'
import type { EngineInfo, EngineVersion } from './engine-objects.ts'
import { loadDockerode } from './load-dockerode.ts'
import { readControllers, type ResourceControllers } from './resource-controllers.ts'
import { openSshBridge } from './ssh-bridge.ts'

/** The oldest API that has all that is asked for: Docker 20.10, Podman 4. */
export const apiVersion = '1.41'

/** Who listens there and does not answer yet is busy: a machine that has just started has much to do. */
const firstAnswerMs = 120_000

export interface Engine extends AsyncDisposable {
  readonly client: EngineClient
  readonly kind: 'docker' | 'podman'
  readonly version: string
  readonly architecture: string
  readonly info: EngineInfo
  readonly controllers: ResourceControllers
  /** It shares this machine's files: what lies below --root-dir can be mounted. */
  readonly isLocal: boolean
}

/** Connects; UserError when the engine is too old or no engine, VkError Unavailable when it is not there. */
export async function connectEngine(
  endpoint: EngineEndpoint,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Engine> {
  const Docker = await loadDockerode()
  await using resources = new AsyncDisposableStack()
  const bridge = endpoint.kind === 'ssh' ? resources.use(await openSshBridge(endpoint)) : undefined
  const { modem } = new Docker(modemOptions(endpoint, bridge?.path))
  const { where, headers } = endpoint
  const prefix = endpoint.kind === 'tcp' ? endpoint.pathPrefix : ''
  const client = new EngineClient(modem, { where, clock, headers, prefix })
  const options = { signal, timeoutMs: firstAnswerMs }
  try {
    const version = await client.json<EngineVersion>({ path: '/version' }, options)
    refuseOld(version, where)
    client.useVersion(apiVersion)
    const info = await client.json<EngineInfo>({ path: '/info' }, options)
    const kind = isPodman(version) ? 'podman' : 'docker'
    const engine = {
      client,
      kind,
      version: version.Version,
      architecture: version.Arch,
      info,
      controllers: await readControllers({ client, kind, info }, options),
      isLocal: endpoint.kind === 'socket',
    } as const
    const kept = resources.move()
    return { ...engine, [Symbol.asyncDispose]: () => kept.disposeAsync() }
  } catch (error) {
    const words = bridge?.lastWords()
    if (!words || error instanceof UserError) throw error
    throw new VkError('Unavailable', `${messageOf(error)}: ${words}`, { cause: error })
  }
}

function modemOptions(endpoint: EngineEndpoint, bridgePath: string | undefined): object {
  // What is left out, the modem would take from DOCKER_HOST.
  const none = { host: undefined, port: undefined, socketPath: undefined, username: undefined }
  const insecure = { ...none, protocol: 'http', ca: undefined, cert: undefined, key: undefined }
  if (endpoint.kind === 'socket') return { ...insecure, socketPath: endpoint.path }
  if (endpoint.kind === 'ssh') return { ...insecure, socketPath: bridgePath }
  const { host, port, tls } = endpoint
  const at = { ...insecure, host, port }
  return tls ? { ...at, protocol: 'https', ...tls } : at
}

function refuseOld({ ApiVersion, Version }: Partial<EngineVersion>, where: string): void {
  const [major = 0, minor = 0] = (ApiVersion ?? '').split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = apiVersion.split('.').map(Number)
  if (Number.isNaN(major) || ApiVersion === undefined) {
    throw new UserError(`Cannot use what answers at ${where}: it is no container engine`)
  }
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new UserError(
    `Cannot use the engine at ${where}: its API is ${ApiVersion} (version ${Version}), and ${apiVersion} is needed`,
    { hint: 'Docker 20.10 and Podman 4.0 are the oldest that have it.' },
  )
}

function isPodman({ Components }: EngineVersion): boolean {
  return (Components ?? []).some(({ Name }) => Name.startsWith('Podman'))
}
