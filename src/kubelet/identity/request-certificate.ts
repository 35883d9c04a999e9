// SPDX-License-Identifier: Apache-2.0
// One certificate signing request from its creation to the certificate. It waits as long as somebody
// may still approve it; a restart that asks the same again waits for the same object.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { isConflict, isGone } from '../../kube/api-error.ts'
import type { KubeClient } from '../../kube/kube-client.ts'
import { certificateSigningRequests } from '../../kube/resources.ts'
import type { CertificateSigningRequest } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { VkError } from '../../util/vk-error.ts'
import { requestNameOf } from './certificate-wish.ts'
import type { CertificateWish } from './certificate-wish.ts'
import { certificateRequest, publicKeyOf } from './node-key.ts'

export interface RequestOptions {
  readonly wish: CertificateWish
  /** Signs the request; PEM. */
  readonly keyPem: string
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

const callTimeoutMs = 10_000
const watchSeconds = 300
/** Between two looks, where the watch ends at once. */
const pauseMs = 1000

/**
 * Resolves with the certificate (PEM). Rejects with code Invalid when the request was denied or failed,
 * NotFound when it was deleted, and whatever the API server answers otherwise.
 */
export async function requestCertificate(
  client: KubeClient,
  options: RequestOptions,
): Promise<string> {
  const { keyPem, log, signal, wish } = options
  const name = requestNameOf(wish, publicKeyOf(keyPem))
  let csr = await createOrFind(client, name, options)
  if (certificateOf(csr) === undefined) {
    const hint = `kubectl certificate approve ${name}`
    log.info({ request: name, signer: wish.signerName, hint }, 'Waiting for a certificate')
  }
  for (;;) {
    signal.throwIfAborted()
    const certificate = certificateOf(csr)
    if (certificate !== undefined) return checked(certificate, { keyPem, name })
    csr = await nextState(client, csr, options)
  }
}

async function createOrFind(
  client: KubeClient,
  name: string,
  { keyPem, signal, wish }: RequestOptions,
): Promise<CertificateSigningRequest> {
  const { signerName, usages } = wish
  const request = Buffer.from(await certificateRequest(wish, keyPem)).toString('base64')
  const object = { metadata: { name }, spec: { request, signerName, usages } }
  const call = { signal, timeoutMs: callTimeoutMs }
  try {
    return await client.create(certificateSigningRequests, object, call)
  } catch (error) {
    if (!isConflict(error)) throw error
    return await client.get(certificateSigningRequests, { name }, call)
  }
}

/** The issued certificate; throws when there will be none. */
function certificateOf({ metadata, status }: CertificateSigningRequest): string | undefined {
  for (const { type, reason = '', message = '' } of status?.conditions ?? []) {
    if (type !== 'Denied' && type !== 'Failed') continue
    const why = [type.toLowerCase(), reason, message].filter((part) => part !== '').join(': ')
    throw new VkError('Invalid', `Cannot get a certificate: request "${metadata.name}" ${why}`)
  }
  const { certificate = '' } = status ?? {}
  return certificate === '' ? undefined : Buffer.from(certificate, 'base64').toString('utf8')
}

/** Waits for a change by a watch of this one object, which is all that a node may watch. */
async function nextState(
  client: KubeClient,
  csr: CertificateSigningRequest,
  { clock, signal }: RequestOptions,
): Promise<CertificateSigningRequest> {
  const { name, resourceVersion, uid } = csr.metadata
  const place = {
    fieldSelector: `metadata.name=${name}`,
    timeoutSeconds: watchSeconds,
    ...(resourceVersion !== undefined && { resourceVersion }),
    signal,
  }
  try {
    for await (const event of client.watch(certificateSigningRequests, place)) {
      if (event.type === 'BOOKMARK') continue
      if (event.type === 'DELETED' || event.object.metadata.uid !== uid) throw gone(name)
      return event.object
    }
  } catch (error) {
    if (!isGone(error)) throw error
  }
  await clock.sleep(pauseMs, { signal })
  return await client.get(
    certificateSigningRequests,
    { name },
    { signal, timeoutMs: callTimeoutMs },
  )
}

/** Somebody else's certificate under the name of our request is no use and no danger, if it is seen. */
function checked(pem: string, { keyPem, name }: { keyPem: string; name: string }): string {
  if (new X509Certificate(pem).checkPrivateKey(createPrivateKey(keyPem))) return pem
  throw new VkError(
    'Invalid',
    `Cannot use the certificate of request "${name}": it has another key`,
  )
}

function gone(name: string): VkError {
  return new VkError('NotFound', `Cannot get a certificate: request "${name}" was deleted`)
}
