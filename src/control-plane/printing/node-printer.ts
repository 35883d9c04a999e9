// SPDX-License-Identifier: Apache-2.0
// `kubectl get nodes`.
import type { Node } from '../../kube/types.gen.ts'
import { age, ageColumn, column, nameColumn, printerFor, wideColumn } from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const nodePrinter: TablePrinter = printerFor<Node>(
  [
    nameColumn,
    column('Status'),
    column('Roles'),
    ageColumn,
    column('Version'),
    wideColumn('Internal-IP'),
    wideColumn('External-IP'),
    wideColumn('OS-Image'),
    wideColumn('Kernel-Version'),
    wideColumn('Container-Runtime'),
  ],
  (node, nowMs) => {
    const info = node.status?.nodeInfo
    const kernel = info?.kernelVersion || '<unknown>'
    return [
      node.metadata.name,
      stateOf(node),
      rolesOf(node).join(',') || '<none>',
      age(node, nowMs),
      info?.kubeletVersion ?? '',
      addressOf(node, 'InternalIP'),
      addressOf(node, 'ExternalIP'),
      info?.osImage || '<unknown>',
      info?.architecture ? `${kernel} (${info.architecture})` : kernel,
      info?.containerRuntimeVersion || '<unknown>',
    ]
  },
)

function stateOf({ spec, status }: Node): string {
  const ready = status?.conditions?.findLast(({ type }) => type === 'Ready')
  const state = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'
  return spec.unschedulable ? `${state},SchedulingDisabled` : state
}

const rolePrefix = 'node-role.kubernetes.io/'

function rolesOf({ metadata }: Node): readonly string[] {
  const roles = Object.entries(metadata.labels ?? {}).map(([key, value]) => {
    if (key.startsWith(rolePrefix)) return key.slice(rolePrefix.length)
    return key === 'kubernetes.io/role' ? value : ''
  })
  return [...new Set(roles)].filter((role) => role !== '').sort()
}

function addressOf({ status }: Node, wanted: string): string {
  return status?.addresses?.find(({ type }) => type === wanted)?.address ?? '<none>'
}
