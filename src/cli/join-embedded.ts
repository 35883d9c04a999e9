// SPDX-License-Identifier: Apache-2.0
// What makes a node's logs and terminals reachable in the cluster that it joins. It has to know the API server,
// and learns by whose certificates from that itself where nobody says and its identity may ask. A cluster of
// `up` calls only nodes with a certificate that it has signed, so there a node asks for one too.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeClient } from '../kube/kube-client.ts'
import type { ServingIdentity } from '../kubelet/identity/serving-identity.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import { readClientAuthority } from './client-authority.ts'
import type { NodeSettings } from './settings.ts'

/** What a node has to know of the control plane. */
export interface PlaneFacts {
  readonly isEmbedded: boolean
  /** The authority that the kubeconfig names, PEM; in a cluster of `up` it signs clients too. */
  readonly caPem: string | undefined
}

const signedLimitMs = 15_000
const pollMs = 50

/** Asks the API server what it is. */
export async function planeFacts(
  client: KubeClient,
  { caPem }: { readonly caPem?: string | undefined },
): Promise<PlaneFacts> {
  const { gitVersion } = (await client.getRaw('/version')) as { readonly gitVersion?: string }
  return { isEmbedded: gitVersion?.endsWith('-vk') ?? false, caPem }
}

/** The settings of a node that joins; what a person has set stays as it is. */
export async function joinSettings<T extends NodeSettings>(
  settings: T,
  context: {
    readonly plane: PlaneFacts
    readonly client: Pick<KubeClient, 'get'>
    readonly dir: string
    readonly log: Logger
  },
): Promise<T> {
  const { isEmbedded, caPem } = context.plane
  if (!isEmbedded) {
    // Without the cluster's word on each call, knowing more callers would only let more of them in.
    if (settings.clientCAFile !== undefined || settings.authorizationMode !== 'Webhook') {
      return settings
    }
    return await trusting(settings, { pem: await publishedAuthority(context), dir: context.dir })
  }
  if (settings.tlsCertFile !== undefined) return settings
  const joined = { ...settings, serverTLSBootstrap: true }
  if (settings.clientCAFile !== undefined) return joined
  return await trusting(joined, { pem: caPem, dir: context.dir })
}

async function publishedAuthority({
  client,
  log,
}: {
  readonly client: Pick<KubeClient, 'get'>
  readonly log: Logger
}): Promise<string | undefined> {
  try {
    return await readClientAuthority(client)
  } catch (error) {
    log.info({ why: messageOf(error) }, 'The client CA of the cluster cannot be read')
    return undefined
  }
}

async function trusting<T extends NodeSettings>(
  settings: T,
  { pem, dir }: { readonly pem: string | undefined; readonly dir: string },
): Promise<T> {
  if (pem === undefined) return settings
  const clientCAFile = join(dir, 'cluster-ca.crt')
  await writeFile(clientCAFile, pem, { mode: 0o600 })
  return { ...settings, clientCAFile }
}

/** Resolves once the cluster of `up` has signed the certificate, or after a while without one. */
export async function whenSigned(
  serving: ServingIdentity,
  context: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, log, signal } = context
  const deadlineMs = clock.monotonicMs() + signedLimitMs
  while (!serving.isSigned) {
    if (clock.monotonicMs() >= deadlineMs) {
      const why = 'nobody has approved the request of this node: see `kubectl get csr`'
      log.warn({ why }, 'Logs and terminals of this node cannot be reached yet')
      return
    }
    await clock.sleep(pollMs, { signal })
  }
}
