// SPDX-License-Identifier: Apache-2.0
// The flags of `start` about what pods may use of the node, and for how long when it shuts down.
import { UserError } from '../util/vk-error.ts'
import { asList, asSeconds, type FlagSpec } from './flag-spec.ts'

/** Part of the table in flags.ts. */
export const resourceFlags: readonly FlagSpec[] = [
  {
    flags: '--system-reserved <amounts>',
    key: 'systemReserved',
    read: (text) => asPairs(text, '='),
    help: "kept back of the node's capacity for this machine: cpu=500m,memory=1Gi,ephemeral-storage=10Gi",
  },
  {
    flags: '--kube-reserved <amounts>',
    key: 'kubeReserved',
    read: (text) => asPairs(text, '='),
    help: 'the same for virtual-kubelet itself; both add up',
  },
  {
    flags: '--eviction-hard <thresholds>',
    key: 'evictionHard',
    read: (text) => asPairs(text, '<'),
    help: 'evict pods when the machine has less left: memory.available<100Mi,nodefs.available<10% (default: never)',
  },
  {
    flags: '--eviction-soft <thresholds>',
    key: 'evictionSoft',
    read: (text) => asPairs(text, '<'),
    help: 'the same for what may last a while: memory.available<500Mi; pods then have time to end',
  },
  {
    flags: '--eviction-soft-grace-period <periods>',
    key: 'evictionSoftGracePeriodSeconds',
    read: asPeriods,
    help: 'how long each of --eviction-soft may last before a pod is evicted: memory.available=1m30s',
  },
  {
    flags: '--eviction-max-pod-grace-period <seconds>',
    key: 'evictionMaxPodGracePeriodSeconds',
    read: asSignedNumber,
    help: 'the longest time such a pod has to end, in seconds (default: 0, at once; negative: as long as it asks for)',
  },
  {
    flags: '--eviction-pressure-transition-period <duration>',
    key: 'evictionPressureTransitionPeriodSeconds',
    read: asSeconds,
    help: 'how long the node still reports pressure, and takes no pods, after it has gone',
  },
  {
    flags: '--shutdown-grace-period <duration>',
    key: 'shutdownGracePeriodSeconds',
    read: asSeconds,
    help: 'on exit, end the pods as those of a node that shuts down, within this time (default: pods run on)',
  },
  {
    flags: '--shutdown-grace-period-critical-pods <duration>',
    key: 'shutdownGracePeriodCriticalPodsSeconds',
    read: asSeconds,
    help: 'the last part of that time, kept for critical pods',
  },
  {
    flags: '--shutdown-grace-period-by-pod-priority <periods>',
    key: 'shutdownGracePeriodByPodPriority',
    read: asPriorityPeriods,
    help: 'instead of the two, a period for the pods from each priority on, lowest first: 0=60s,100000=30s',
  },
]

function asSignedNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new UserError(`"${text}" is not a whole number`)
  return Number(text)
}

function asPeriods(text: string): Readonly<Record<string, number>> {
  const pairs = Object.entries(asPairs(text, '='))
  return Object.fromEntries(pairs.map(([signal, period]) => [signal, asSeconds(period)]))
}

function asPriorityPeriods(text: string): readonly object[] {
  return Object.entries(asPairs(text, '=')).map(([priority, period]) => ({
    priority: Number(priority),
    shutdownGracePeriodSeconds: asSeconds(period),
  }))
}

/** `a=1,b=2` or `a<1,b<2`. */
function asPairs(text: string, separator: '=' | '<'): Readonly<Record<string, string>> {
  const pairs = asList(text).map((pair) => {
    const at = pair.indexOf(separator)
    if (at > 0 && at < pair.length - 1) return [pair.slice(0, at), pair.slice(at + 1)]
    throw new UserError(`"${pair}" is no pair`, {
      hint: `Write name${separator}amount,name${separator}amount.`,
    })
  })
  return Object.fromEntries(pairs)
}
