// SPDX-License-Identifier: Apache-2.0
// Credentials for registries from the Secrets that a pod names in imagePullSecrets. A Secret that is missing
// or cannot be read keeps no pod from trying: as with a kubelet it is told of, and left out.
import type { RecordedEvent } from '../kube/event-recorder.ts'
import type { Pod, Secret } from '../kube/types.gen.ts'
import type { RegistryCredential } from '../provider/provider.ts'

export interface PullSecretSources {
  secret(name: string): Promise<Secret | undefined>
  /** Records an event about the pod. */
  notice(event: RecordedEvent): void
}

/** What the pod's Secrets hold, in their order. */
export async function readPullSecrets(
  { spec }: Pod,
  sources: PullSecretSources,
): Promise<readonly RegistryCredential[]> {
  const names = (spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []))
  const secrets = await Promise.all(names.map((name) => sources.secret(name)))
  const read = secrets.map((secret) => (secret ? credentialsOf(secret) : undefined))
  const unread = names.filter((_, index) => read[index] === undefined)
  if (unread.length > 0) {
    const message =
      `Unable to retrieve some image pull secrets (${unread.join(', ')}); ` +
      'attempting to pull the image may not succeed.'
    sources.notice({ type: 'Warning', reason: 'FailedToRetrieveImagePullSecret', message })
  }
  return read.flatMap((credentials) => credentials ?? [])
}

/** Undefined for a Secret that holds no credentials of a known form. */
export function credentialsOf({
  type,
  data = {},
}: Pick<Secret, 'type' | 'data'>): readonly RegistryCredential[] | undefined {
  if (type === 'kubernetes.io/dockerconfigjson') {
    const config = parse(data['.dockerconfigjson'])
    return isRecord(config?.['auths']) ? entriesOf(config['auths']) : undefined
  }
  if (type !== 'kubernetes.io/dockercfg') return undefined
  const config = parse(data['.dockercfg'])
  return config && entriesOf(config)
}

function entriesOf(auths: Readonly<Record<string, unknown>>): readonly RegistryCredential[] {
  return Object.entries(auths).flatMap(([registry, entry]) => {
    if (!isRecord(entry)) return []
    const { auth, identitytoken: token } = entry
    const [username, password] = typeof auth === 'string' ? splitAuth(auth) : []
    return [
      {
        registry,
        username: textOf(entry['username']) ?? username ?? '',
        password: textOf(entry['password']) ?? password ?? '',
        ...(typeof token === 'string' && token !== '' && { identityToken: token }),
      },
    ]
  })
}

function splitAuth(base64: string): readonly string[] {
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const at = text.indexOf(':')
  // Docker pads passwords with zero bytes in some versions.
  return at < 0 ? [] : [text.slice(0, at), text.slice(at + 1).replace(/\0+$/, '')]
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function parse(base64: string | undefined): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(base64 ?? '', 'base64').toString('utf8'))
    return isRecord(json) ? json : undefined
  } catch {
    // What JSON.parse has to say quotes the secret.
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
