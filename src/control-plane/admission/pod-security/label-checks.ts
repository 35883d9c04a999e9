// SPDX-License-Identifier: Apache-2.0
// Pod Security: the labels and profiles of SELinux and AppArmor that a pod may ask for.
import type { Container, SELinuxOptions } from '../../../kube/types.gen.ts'
import { containersOf, named, plural, quoted, settersOf, sorted } from './pod-check.ts'
import type { Check, CheckPod, PodLike } from './pod-check.ts'

const types = ['', 'container_t', 'container_init_t', 'container_kvm_t']

function seLinux(allowed: readonly string[]): CheckPod {
  const isBad = ({ type = '', user, role }: SELinuxOptions): boolean =>
    !allowed.includes(type) || Boolean(user) || Boolean(role)
  return (pod) => {
    const of = allOf(pod, ({ seLinuxOptions }) => seLinuxOptions)
    const ofPod = of.pod !== undefined && isBad(of.pod)
    const bad = of.containers.filter(({ value }) => isBad(value))
    const setters = settersOf(
      ofPod,
      bad.map(({ name }) => name),
    )
    if (setters === '') return undefined
    const values = [...(of.pod ? [of.pod] : []), ...bad.map(({ value }) => value)]
    const badTypes = sorted(
      values.map(({ type = '' }) => type).filter((type) => !allowed.includes(type)),
    )
    const faults = [
      ...(badTypes.length > 0 ? [named('type', badTypes)] : []),
      ...(values.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(values.some(({ role }) => role) ? ['role may not be set'] : []),
    ]
    const what = `set forbidden securityContext.seLinuxOptions: ${faults.join('; ')}`
    return { reason: 'seLinuxOptions', detail: `${setters} ${what}` }
  }
}

const annotationPrefix = 'container.apparmor.security.beta.kubernetes.io/'

const appArmor: CheckPod = (pod) => {
  const isBad = ({ type }: { readonly type: string }): boolean =>
    type !== 'RuntimeDefault' && type !== 'Localhost'
  const of = allOf(pod, ({ appArmorProfile }) => appArmorProfile)
  const ofPod = of.pod !== undefined && isBad(of.pod) ? [of.pod.type] : []
  const bad = of.containers.filter(({ value }) => isBad(value))
  const annotations = badAnnotations(pod)
  const setters = [
    settersOf(
      ofPod.length > 0,
      bad.map(({ name }) => name),
    ),
    annotations.length > 0 ? plural('annotation', annotations.length) : '',
  ].filter((part) => part !== '')
  if (setters.length === 0) return undefined
  const values = [...sorted([...ofPod, ...bad.map(({ value }) => value.type)]), ...annotations]
  return {
    reason: plural('forbidden AppArmor profile', values.length),
    detail: `${setters.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  }
}

function badAnnotations({ annotations }: PodLike): readonly string[] {
  const isAllowed = (value: string): boolean =>
    value === '' || value === 'runtime/default' || value.startsWith('localhost/')
  return Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(annotationPrefix) && !isAllowed(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort()
}

type Context =
  | NonNullable<Container['securityContext']>
  | NonNullable<PodLike['spec']['securityContext']>

/** What the pod and its containers have set of a field that both have. */
function allOf<T>(
  pod: PodLike,
  pick: (context: Context) => T | undefined,
): {
  readonly pod: T | undefined
  readonly containers: readonly { readonly name: string; readonly value: T }[]
} {
  const { securityContext } = pod.spec
  return {
    pod: securityContext && pick(securityContext),
    containers: containersOf(pod).flatMap(({ name, securityContext }) => {
      const value = securityContext && pick(securityContext)
      return value === undefined ? [] : [{ name, value }]
    }),
  }
}

export const labelChecks: readonly Check[] = [
  { id: 'appArmorProfile', level: 'baseline', versions: [{ since: 0, check: appArmor }] },
  {
    id: 'seLinuxOptions',
    level: 'baseline',
    versions: [
      { since: 0, check: seLinux(types) },
      { since: 31, check: seLinux([...types, 'container_engine_t']) },
    ],
  },
]
