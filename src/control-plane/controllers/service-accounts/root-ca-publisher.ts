// SPDX-License-Identifier: Apache-2.0
// Each namespace has the certificate of the cluster's authority in a ConfigMap, from which pods learn
// whom to trust.
import { configMaps } from '../../../kube/resources.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { startFurniture } from './namespace-furniture.ts'

export interface RootCaPublisherOptions {
  /** The authority's certificate, PEM. */
  readonly caPem: string
}

const name = 'kube-root-ca.crt'
const descriptionKey = 'kubernetes.io/description'
// Literal: clients compare it.
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.'

/** Starts the controller that keeps `kube-root-ca.crt` in each namespace. */
export function startRootCaPublisher(
  context: ControllerContext,
  { caPem }: RootCaPublisherOptions,
): AsyncDisposable {
  const { api } = context
  const data = { 'ca.crt': caPem }
  return startFurniture(context, {
    controller: 'root-ca-certificate-publisher',
    resource: configMaps,
    name,
    ensure: async (namespace, found) => {
      const annotations = { ...found?.metadata.annotations, [descriptionKey]: description }
      if (!found) {
        await api.create(configMaps, { metadata: { namespace, name, annotations }, data })
        return
      }
      const keys = Object.keys(found.data ?? {})
      const isRight =
        keys.length === 1 &&
        found.data?.['ca.crt'] === caPem &&
        (found.metadata.annotations?.[descriptionKey] ?? '') !== ''
      if (isRight) return
      await api.update(configMaps, { ...found, metadata: { ...found.metadata, annotations }, data })
    },
  })
}
