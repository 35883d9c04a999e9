// SPDX-License-Identifier: Apache-2.0
// ClusterTrustBundles for projected volumes: one by name, or all of a signer that labels select, their
// certificates gathered once each. Most API servers do not serve this kind; then there are none. They
// change rarely and are shared by whole clusters, so they are read again now and then, not watched.
import { isNotFound } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import type { Resource } from '../kube/resources.ts'
import type { ClusterTrustBundleProjection, LabelSelector, StoredMeta } from '../kube/types.gen.ts'
import type { Clock } from '../util/clock.ts'
import { sourceError } from './volume-objects.ts'

interface ClusterTrustBundle {
  readonly metadata: StoredMeta
  readonly spec: { readonly signerName?: string; readonly trustBundle: string }
}

/** Which bundles a projection asks for. */
export interface TrustBundleSelection extends Pick<
  ClusterTrustBundleProjection,
  'name' | 'signerName' | 'labelSelector'
> {
  readonly isOptional: boolean
}

/** Certificates in PEM, and when to read them again. */
export interface TrustAnchors {
  readonly text: string
  readonly refreshAtMs: number
}

export interface TrustBundleReader {
  readonly client: KubeClient
  readonly clock: Clock
}

const clusterTrustBundles: Resource<ClusterTrustBundle> = {
  apiVersion: 'certificates.k8s.io/v1beta1',
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  isNamespaced: false,
}

const refreshEveryMs = 60_000

/** The selected certificates, each once, in a stable order. Rejects when there are none and must be. */
export async function readTrustAnchors(
  selection: TrustBundleSelection,
  { client, clock }: TrustBundleReader,
  signal?: AbortSignal,
): Promise<TrustAnchors> {
  const bundles = await readBundles(selection, client, signal)
  if (bundles.length === 0 && !selection.isOptional) {
    throw sourceError(
      selection.name === undefined
        ? `combination of signerName and labelSelector matched zero ClusterTrustBundles`
        : `clustertrustbundle "${selection.name}" not found`,
    )
  }
  const certificates = new Set(bundles.flatMap(({ spec }) => certificatesOf(spec.trustBundle)))
  return {
    text: [...certificates].sort().join(''),
    refreshAtMs: clock.nowMs() + refreshEveryMs,
  }
}

async function readBundles(
  { name, signerName, labelSelector }: TrustBundleSelection,
  client: KubeClient,
  signal: AbortSignal | undefined,
): Promise<readonly ClusterTrustBundle[]> {
  const options = signal ? { signal } : {}
  try {
    if (name !== undefined) return [await client.get(clusterTrustBundles, { name }, options)]
    // Without a selector nothing is selected; an empty one selects all.
    if (labelSelector === undefined) return []
    const { items } = await client.list(clusterTrustBundles, {
      ...options,
      fieldSelector: `spec.signerName=${signerName ?? ''}`,
      labelSelector: selectorText(labelSelector),
    })
    return items
  } catch (error) {
    if (isNotFound(error)) return []
    throw error
  }
}

/** The selector as the API's query has it. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  const others = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`
  })
  return [...equal, ...others].join(',')
}

const block = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/g

/** PEM blocks in one form, so that equal certificates are equal texts. */
function certificatesOf(pem: string): readonly string[] {
  return [...pem.matchAll(block)].map(([, body = '']) => {
    const base64 = body.replaceAll(/[^A-Za-z0-9+/=]/g, '')
    const lines = base64.match(/.{1,64}/g) ?? []
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
  })
}
