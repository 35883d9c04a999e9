// SPDX-License-Identifier: Apache-2.0
// What makes a node's logs and terminals reachable in a cluster of `up`, whose API server calls only nodes
// with a certificate that it has signed: joined by an ordinary kubeconfig, a node asks for one, and knows the
// API server by the authority that the kubeconfig names.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeClient } from '../kube/kube-client.ts'
import type { ServingIdentity } from '../kubelet/identity/serving-identity.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
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
  { plane, dir }: { readonly plane: PlaneFacts; readonly dir: string },
): Promise<T> {
  const { isEmbedded, caPem } = plane
  if (!isEmbedded || settings.tlsCertFile !== undefined) return settings
  const joined = { ...settings, serverTLSBootstrap: true }
  if (settings.clientCAFile !== undefined || caPem === undefined) return joined
  const clientCAFile = join(dir, 'cluster-ca.crt')
  await writeFile(clientCAFile, caPem, { mode: 0o600 })
  return { ...joined, clientCAFile }
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
