// SPDX-License-Identifier: Apache-2.0
// Pod Security: the settings of the kernel that belong to a pod alone.
import type { Check, CheckPod } from './pod-check.ts'

const since0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const since27 = [...since0, 'net.ipv4.ip_local_reserved_ports']
const since29 = [
  ...since27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const since32 = [...since29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

function only(allowed: readonly string[]): CheckPod {
  return ({ spec }) => {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name)
    const forbidden = names.filter((name) => !allowed.includes(name))
    if (forbidden.length === 0) return undefined
    return { reason: 'forbidden sysctls', detail: forbidden.join(', ') }
  }
}

export const sysctlChecks: readonly Check[] = [
  {
    id: 'sysctls',
    level: 'baseline',
    versions: [
      { since: 0, check: only(since0) },
      { since: 27, check: only(since27) },
      { since: 29, check: only(since29) },
      { since: 32, check: only(since32) },
    ],
  },
]
