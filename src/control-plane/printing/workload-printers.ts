// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of the kinds that keep pods running, and of what belongs to them.
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  PodTemplateSpec,
  ReplicaSet,
  Scale,
  StatefulSet,
} from '../../kube/types.gen.ts'
import { labelsText, requirementsText, selectorText } from './label-text.ts'
import {
  age,
  ageColumn,
  column,
  nameColumn,
  type Named,
  printerFor,
  templateCells,
  templateColumns,
  wideColumn,
} from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const deploymentPrinter: TablePrinter = printerFor<Deployment>(
  [
    nameColumn,
    column('Ready'),
    column('Up-to-date'),
    column('Available'),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector'),
  ],
  (deployment, nowMs) => {
    const { metadata, spec, status = {} } = deployment
    return [
      metadata.name,
      `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
      status.updatedReplicas ?? 0,
      status.availableReplicas ?? 0,
      age(deployment, nowMs),
      ...templateCells(spec.template.spec?.containers),
      requirementsText(spec.selector, '<invalid>'),
    ]
  },
)

export const replicaSetPrinter: TablePrinter = printerFor<ReplicaSet>(
  [
    nameColumn,
    column('Desired', 'integer'),
    column('Current', 'integer'),
    column('Ready', 'integer'),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector'),
  ],
  (replicaSet, nowMs) => {
    const { metadata, spec, status } = replicaSet
    return [
      metadata.name,
      spec.replicas ?? 0,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      age(replicaSet, nowMs),
      ...templateCells(spec.template?.spec?.containers),
      selectorText(spec.selector),
    ]
  },
)

export const statefulSetPrinter: TablePrinter = printerFor<StatefulSet>(
  [nameColumn, column('Ready'), ageColumn, ...templateColumns],
  (statefulSet, nowMs) => {
    const { metadata, spec, status } = statefulSet
    return [
      metadata.name,
      `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
      age(statefulSet, nowMs),
      ...templateCells(spec.template.spec?.containers),
    ]
  },
)

export const daemonSetPrinter: TablePrinter = printerFor<DaemonSet>(
  [
    nameColumn,
    column('Desired', 'integer'),
    column('Current', 'integer'),
    column('Ready', 'integer'),
    column('Up-to-date', 'integer'),
    column('Available', 'integer'),
    column('Node Selector'),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector'),
  ],
  (daemonSet, nowMs) => {
    const { metadata, spec, status } = daemonSet
    return [
      metadata.name,
      status?.desiredNumberScheduled ?? 0,
      status?.currentNumberScheduled ?? 0,
      status?.numberReady ?? 0,
      status?.updatedNumberScheduled ?? 0,
      status?.numberAvailable ?? 0,
      labelsText(spec.template.spec?.nodeSelector),
      age(daemonSet, nowMs),
      ...templateCells(spec.template.spec?.containers),
      selectorText(spec.selector),
    ]
  },
)

export const controllerRevisionPrinter: TablePrinter = printerFor<ControllerRevision>(
  [nameColumn, column('Controller'), column('Revision'), ageColumn],
  (revision, nowMs) => [
    revision.metadata.name,
    controllerOf(revision),
    revision.revision,
    age(revision, nowMs),
  ],
)

export const podTemplatePrinter: TablePrinter = printerFor<
  Named & { readonly template?: PodTemplateSpec }
>(
  [nameColumn, column('Containers'), column('Images'), column('Pod Labels')],
  ({ metadata, template }) => [
    metadata.name,
    ...templateCells(template?.spec?.containers),
    labelsText(template?.metadata?.labels),
  ],
)

export const scalePrinter: TablePrinter = printerFor<Scale>(
  [
    { ...nameColumn, format: '' },
    column('Desired', 'integer'),
    column('Available', 'integer'),
    ageColumn,
  ],
  (scale, nowMs) => [
    scale.metadata.name,
    scale.spec.replicas ?? 0,
    scale.status?.replicas ?? 0,
    age(scale, nowMs),
  ],
)

/** Such as `daemonset.apps/agent`. */
function controllerOf({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (!owner) return '<none>'
  const [group = '', version] = owner.apiVersion.split('/')
  const kind = version === undefined ? owner.kind : `${owner.kind}.${group}`
  return `${kind.toLowerCase()}/${owner.name}`
}
