// SPDX-License-Identifier: Apache-2.0
// Every pod runs as a service account: gives it the account's token, the certificate of the cluster's
// authority and its namespace as files, and the account's pull secrets.
import { randomInt } from 'node:crypto'
import type {
  Container,
  Namespace,
  Pod,
  PodSpec,
  ProjectedVolumeSource,
  ServiceAccount,
  VolumeMount,
} from '../../kube/types.gen.ts'
import { mirrorAnnotation, podReferences } from '../auth/node/pod-references.ts'
import { storedObject } from '../auth/stored-object.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { forbid, targetOf } from './forbid.ts'
import type { AccountSettings } from './mountable-secrets.ts'
import { mountableSecretsFault } from './mountable-secrets.ts'

const volumePrefix = 'kube-api-access-'
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
// Without vowels and look-alikes, as all generated names.
const newNamespaceMs = 5000
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  mutate(object, request, context) {
    if (targetOf(request) !== 'pods' || request.operation !== 'CREATE') return object
    const pod = object as unknown as Pod
    if (isMirror(pod)) return object
    const { spec } = pod
    if (!spec) return object
    const given = spec.serviceAccountName ?? ''
    const name = given === '' ? 'default' : given
    const account = existingAccount(name, request, context)
    const named = { ...spec, serviceAccountName: name, serviceAccount: name }
    const mounted = wantsToken(account, spec) ? withToken(named) : named
    return { ...object, spec: withPullSecrets(mounted, account) }
  },
  validate(request, context) {
    const target = targetOf(request)
    const pod = request.object as unknown as Pod | undefined
    if (!pod) return
    if (target === 'pods' && request.operation === 'CREATE') {
      if (isMirror(pod)) return validateMirror(pod, request)
      validateAccount(pod, request, context)
    }
    if (target === 'pods/ephemeralcontainers' && request.operation === 'UPDATE') {
      validateAccount(pod, request, context)
    }
  },
}

/** What a container finds in its service account's folder. */
export const tokenVolumeSource: ProjectedVolumeSource = {
  defaultMode: 420,
  sources: [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [
          { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
        ],
      },
    },
  ],
}

function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined
}

function existingAccount(
  name: string,
  request: AdmissionRequest,
  context: AdmissionContext,
): AccountSettings {
  const { namespace } = request
  const place = { namespace, name }
  const account = storedObject<ServiceAccount>(context.store, 'serviceaccounts', place)
  if (account) return account
  if (name === 'default' && isNew(namespace, context)) return { metadata: { name } }
  const why = `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`
  throw forbid(request, why)
}

/**
 * A controller makes the account `default` a moment after its namespace. An API server waits for that;
 * here, where admission cannot wait, the account of a new namespace is taken for granted.
 */
function isNew(namespace: string, { nowMs, store }: AdmissionContext): boolean {
  const place = { namespace: '', name: namespace }
  const found = storedObject<Namespace>(store, 'namespaces', place)
  const createdMs = Date.parse(found?.metadata.creationTimestamp ?? '')
  return found?.status?.phase !== 'Terminating' && nowMs - createdMs < newNamespaceMs
}

/** The pod's word counts before the account's. */
function wantsToken(account: AccountSettings, spec: PodSpec): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true
}

/** Mounts the token wherever nothing else is mounted at its place; a volume is added when one is needed. */
function withToken(spec: PodSpec): PodSpec {
  const volumes = spec.volumes ?? []
  const known = volumes.find(({ name }) => name.startsWith(volumePrefix))?.name
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
  if (containers.every(hasMount)) return spec
  const name = known ?? `${volumePrefix}${randomSuffix()}`
  const mount: VolumeMount = { name, readOnly: true, mountPath }
  const mounted = (container: Container): Container =>
    hasMount(container)
      ? container
      : { ...container, volumeMounts: [...(container.volumeMounts ?? []), mount] }
  return {
    ...spec,
    ...(spec.initContainers && { initContainers: spec.initContainers.map(mounted) }),
    containers: spec.containers.map(mounted),
    volumes: known === undefined ? [...volumes, { name, projected: tokenVolumeSource }] : volumes,
  }
}

function hasMount({ volumeMounts = [] }: Container): boolean {
  return volumeMounts.some((mount) => mount.mountPath === mountPath)
}

function withPullSecrets(spec: PodSpec, { imagePullSecrets = [] }: AccountSettings): PodSpec {
  if ((spec.imagePullSecrets ?? []).length > 0 || imagePullSecrets.length === 0) return spec
  return { ...spec, imagePullSecrets: imagePullSecrets.map(({ name = '' }) => ({ name })) }
}

function validateMirror(pod: Pod, request: AdmissionRequest): void {
  const { serviceAccountName = '', volumes = [] } = pod.spec ?? {}
  if (serviceAccountName !== '') {
    throw forbid(request, 'a mirror pod may not reference service accounts')
  }
  if (podReferences(pod).some(({ kind }) => kind === 'secrets')) {
    throw forbid(request, 'a mirror pod may not reference secrets')
  }
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? [])
  if (sources.some((source) => source.serviceAccountToken)) {
    throw forbid(request, 'a mirror pod may not use ServiceAccountToken volume projections')
  }
}

function validateAccount(pod: Pod, request: AdmissionRequest, context: AdmissionContext): void {
  const { serviceAccountName = '' } = pod.spec ?? {}
  if (serviceAccountName === '') {
    const place = `${request.namespace}/${pod.metadata.name}`
    throw forbid(request, `no service account specified for pod ${place}`)
  }
  const account = existingAccount(serviceAccountName, request, context)
  const fault = mountableSecretsFault(pod, account, request.subresource)
  if (fault !== undefined) throw forbid(request, fault)
}

function randomSuffix(): string {
  return Array.from({ length: 5 }, () => suffixLetters[randomInt(suffixLetters.length)]).join('')
}
