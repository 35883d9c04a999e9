// SPDX-License-Identifier: Apache-2.0
// Pod Security: what lets a pod out to its host. Namespaces and ports of the host, probes and hooks that
// call other hosts, and processes of Windows hosts.
import type { Container, LifecycleHandler, Probe } from '../../../kube/types.gen.ts'
import { containersOf, containersWhere, named, plural, settersOf, sorted } from './pod-check.ts'
import type { Check, CheckPod } from './pod-check.ts'

const namespaces: CheckPod = ({ spec }) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((one) => spec[one])
  if (shared.length === 0) return undefined
  const detail = shared.map((one) => `${one}=true`).join(', ')
  return { reason: 'host namespaces', detail }
}

const ports: CheckPod = (pod) => {
  const portsOf = ({ ports = [] }: Container) => ports.flatMap(({ hostPort }) => hostPort || [])
  const bad = containersWhere(pod, (container) => portsOf(container).length > 0)
  if (bad.length === 0) return undefined
  const used = sorted(containersOf(pod).flatMap((one) => portsOf(one).map(String)))
  const what = `${plural('hostPort', used.length)} ${used.join(', ')}`
  return { reason: 'hostPort', detail: `${named('container', bad)} ${use(bad)} ${what}` }
}

const otherHosts: CheckPod = (pod) => {
  const bad = sorted(containersWhere(pod, (container) => hostsOf(container).length > 0))
  if (bad.length === 0) return undefined
  const hosts = sorted(containersOf(pod).flatMap(hostsOf))
  const what = named('probe or lifecycle host', hosts)
  return {
    reason: 'probe or lifecycle host',
    detail: `${named('container', bad)} ${use(bad)} ${what}`,
  }
}

const windowsProcesses: CheckPod = (pod) => {
  const isBad = (context: Container['securityContext'] | PodContext): boolean =>
    context?.windowsOptions?.hostProcess === true
  const bad = containersWhere(pod, ({ securityContext }) => isBad(securityContext))
  const setters = settersOf(isBad(pod.spec.securityContext), bad)
  if (setters === '') return undefined
  const detail = `${setters} must not set securityContext.windowsOptions.hostProcess=true`
  return { reason: 'hostProcess', detail }
}

type PodContext = NonNullable<Parameters<CheckPod>[0]['spec']['securityContext']>

/** Hosts that probes and hooks name. */
function hostsOf(container: Container): readonly string[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  const callers: readonly (Probe | LifecycleHandler | undefined)[] = [
    livenessProbe,
    readinessProbe,
    startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ]
  return callers.flatMap((one) =>
    [one?.httpGet?.host, one?.tcpSocket?.host].flatMap((h) => h || []),
  )
}

function use(bad: readonly string[]): string {
  return bad.length === 1 ? 'uses' : 'use'
}

export const hostChecks: readonly Check[] = [
  { id: 'hostNamespaces', level: 'baseline', versions: [{ since: 0, check: namespaces }] },
  { id: 'hostPorts', level: 'baseline', versions: [{ since: 0, check: ports }] },
  {
    id: 'hostProbesAndHostLifecycle',
    level: 'baseline',
    versions: [{ since: 34, check: otherHosts }],
  },
  {
    id: 'windowsHostProcess',
    level: 'baseline',
    versions: [{ since: 0, check: windowsProcesses }],
  },
]
