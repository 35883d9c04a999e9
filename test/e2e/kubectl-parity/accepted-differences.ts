// SPDX-License-Identifier: Apache-2.0
//
// Where the embedded control plane answers differently and is meant to: each with the cases, the lines that may
// differ in them, and the reason. A case named here that does not differ is a mistake too.
import type { Outcome } from './parity-case.ts'
import { differences } from './compare-outcomes.ts'

/** One reason, and all that it explains. */
export interface AcceptedDifference {
  readonly reason: string
  /** Ids of cases. */
  readonly cases: readonly string[]
  /** What a differing line may look like; without it, anything. */
  readonly lines?: RegExp
}

export const acceptedDifferences: readonly AcceptedDifference[] = [
  {
    reason:
      'Kinds that are not served: Ingress and its group, HorizontalPodAutoscaler, ReplicationController, ComponentStatus, ' +
      'storage classes, admission webhooks, CustomResourceDefinitions and other aggregated or extended APIs. ' +
      'metrics.k8s.io is built in, where a real one needs an add-on.',
    cases: [
      "create: create ingress front --rule='example.org/*=web:80' -o yaml",
      'scale: autoscale deployment web --min=1 --max=3 --cpu=80%',
      'scale: get hpa',
      'server: api-resources of core',
      'server: api-resources',
      'server: api-versions',
      'server: get componentstatuses',
    ],
  },
  {
    reason: 'The version says that this is another program.',
    cases: ['server: version'],
    lines: /^[-+] Server Version: v1\.36\.\d+(?:-vk)?$/,
  },
  {
    reason:
      'Claims are kept, and nothing provides volumes: no finalizer `kubernetes.io/pvc-protection`, no events of a provisioner.',
    cases: ['describe: describe pvc data', 'get: get pvc data -o yaml'],
    lines: /finalizers|pvc-protection|Events:|Type \| Reason|----|ProvisioningFailed/i,
  },
  {
    reason:
      'The annotation `node.alpha.kubernetes.io/ttl` tells kubelets of large clusters how long to keep Secrets; it is not set.',
    cases: [
      'describe: describe node spare-node --show-events=false',
      'get: get node mock-node -o yaml',
    ],
    lines: /node\.alpha\.kubernetes\.io\/ttl|virtual-kubelet\.io\/instance/,
  },
  {
    reason: 'The built-in priority classes describe themselves in words of our own.',
    cases: [
      'describe: describe priorityclass system-node-critical',
      'get: get priorityclasses system-cluster-critical system-node-critical -o yaml',
    ],
    lines: /description:/i,
  },
  {
    reason:
      'What a message shows of an object are the fields of the API; a real one prints the Go structures behind them, with all fields that are empty. ' +
      'Field, reason and sentence are the same.',
    cases: [
      'apply: apply -f pod2.yaml',
      'edit: replace -f pod2.yaml',
      `patch: patch pod alpha -p '{"spec":{"nodeName":"other"}}'`,
      `immutable: patch job once -p '{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"c"}]}}}}'`,
      `immutable: patch pvc data -p '{"spec":{"accessModes":["ReadOnlyMany"]}}'`,
      `immutable: patch pvc data -p '{"spec":{"resources":{"requests":{"storage":"1Mi"}}}}'`,
      `immutable: patch pod alpha -p '{"spec":{"hostNetwork":true}}'`,
      `immutable: patch pod alpha -p '{"spec":{"restartPolicy":"Never"}}'`,
    ],
    lines: /^[-+] stderr: /,
  },
  {
    reason: "The words of Go's ASN.1 parser about a broken certificate request.",
    cases: ['access: create -f broken-csr.yaml'],
    lines: /^[-+] stderr: /,
  },
]

/** The reason why this case may differ, or undefined when it must not. */
export function acceptedFor(id: string): AcceptedDifference | undefined {
  return acceptedDifferences.find(({ cases }) => cases.includes(id))
}

/** Differences that nothing explains; on the embedded control plane also a reason that explains nothing. */
export function unexplained(
  id: string,
  {
    expected,
    actual,
  }: { readonly expected: Outcome | undefined; readonly actual: Outcome | undefined },
): readonly string[] {
  const lines = differences(expected, actual)
  const accepted = acceptedFor(id)
  if (accepted === undefined) return lines
  if (lines.length === 0) return [`does not differ, though it is accepted: ${accepted.reason}`]
  return lines.filter((line) => accepted.lines !== undefined && !accepted.lines.test(line))
}
