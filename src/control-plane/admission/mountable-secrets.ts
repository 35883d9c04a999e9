// SPDX-License-Identifier: Apache-2.0
// A service account can be limited, by annotation, to the secrets that it lists: then its pods may use
// no others.
import type { Container, ObjectMeta, Pod, ServiceAccount } from '../../kube/types.gen.ts'

const annotation = 'kubernetes.io/enforce-mountable-secrets'
const truths: readonly string[] = ['1', 't', 'T', 'true', 'TRUE', 'True']

/** What of a service account concerns its pods. */
export type AccountSettings = Pick<
  ServiceAccount,
  'automountServiceAccountToken' | 'imagePullSecrets' | 'secrets'
> & { readonly metadata: ObjectMeta }

/** The sentence that forbids the pod, or undefined when it uses nothing that it may not. */
export function mountableSecretsFault(
  { spec }: Pod,
  account: AccountSettings,
  subresource: string,
): string | undefined {
  if (!truths.includes(account.metadata.annotations?.[annotation] ?? '')) return undefined
  const allowed = (account.secrets ?? []).map(({ name }) => name)
  const rest = `is not allowed because service account ${account.metadata.name} does not reference that secret`
  const inContainers = (containers: readonly Container[] = [], what: string) =>
    containers.flatMap((container) =>
      usedSecrets(container)
        .filter(({ secret }) => !allowed.includes(secret))
        .map(
          ({ by, secret }) =>
            `${what} ${container.name} with ${by} referencing secret.secretName="${secret}" ${rest}`,
        ),
    )
  if (subresource === 'ephemeralcontainers') {
    return inContainers(spec?.ephemeralContainers, 'ephemeral container')[0]
  }
  const volume = (spec?.volumes ?? [])
    .map(({ secret }) => secret?.secretName)
    .find((name) => name !== undefined && !allowed.includes(name))
  if (volume !== undefined) return `volume with secret.secretName="${volume}" ${rest}`
  return (
    inContainers(spec?.initContainers, 'init container')[0] ??
    inContainers(spec?.containers, 'container')[0] ??
    pullSecretFault(spec?.imagePullSecrets, account)
  )
}

function usedSecrets({ env = [], envFrom = [] }: Container) {
  const uses = [
    ...env.map(({ name, valueFrom }) => ({
      by: `envVar ${name}`,
      secret: valueFrom?.secretKeyRef?.name,
    })),
    ...envFrom.map(({ secretRef }) => ({ by: 'envFrom', secret: secretRef?.name })),
  ]
  return uses.flatMap(({ by, secret }) => (secret === undefined ? [] : [{ by, secret }]))
}

function pullSecretFault(
  used: NonNullable<Pod['spec']>['imagePullSecrets'] = [],
  { imagePullSecrets = [], metadata }: AccountSettings,
): string | undefined {
  const allowed = imagePullSecrets.map(({ name }) => name)
  const index = used.findIndex(({ name }) => !allowed.includes(name))
  if (index === -1) return undefined
  return `imagePullSecrets[${index}].name="${used[index]?.name}" is not allowed because service account ${metadata.name} does not reference that imagePullSecret`
}
