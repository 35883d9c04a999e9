// SPDX-License-Identifier: Apache-2.0
// Which printer makes the table of a resource; kinds without one of their own show name and date.
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import { certificateSigningRequestPrinter, roleBindingPrinter } from './access-printers.ts'
import { cronJobPrinter, jobPrinter } from './batch-printers.ts'
import {
  ageOnlyPrinter,
  configMapPrinter,
  genericPrinter,
  leasePrinter,
  namespacePrinter,
  secretPrinter,
} from './core-printers.ts'
import { eventPrinter } from './event-printer.ts'
import { nodeMetricsPrinter, podMetricsPrinter } from './metrics-printers.ts'
import { nodePrinter } from './node-printer.ts'
import { podPrinter } from './pod-printer.ts'
import {
  podDisruptionBudgetPrinter,
  priorityClassPrinter,
  resourceQuotaPrinter,
  runtimeClassPrinter,
} from './policy-printers.ts'
import { endpointSlicePrinter, endpointsPrinter, servicePrinter } from './service-printers.ts'
import { persistentVolumeClaimPrinter, persistentVolumePrinter } from './storage-printers.ts'
import type { TablePrinter } from './table-printer.ts'
import {
  controllerRevisionPrinter,
  daemonSetPrinter,
  deploymentPrinter,
  podTemplatePrinter,
  replicaSetPrinter,
  scalePrinter,
  statefulSetPrinter,
} from './workload-printers.ts'

/** Undefined for what is not listed, such as reviews. */
export function printerOf(resource: ResourceDefinition): TablePrinter | undefined {
  if (!resource.verbs.includes('get') && !resource.verbs.includes('list')) return undefined
  const printer = printerOfKind(resource.group, resource.kind)
  const { toStorage } = resource
  if (!toStorage) return printer
  // Forms of one kind have one printer, which knows the stored form.
  return {
    ...printer,
    row: (object, nowMs) => printer.row(toStorage(object), nowMs),
  }
}

/** The printer of a kind, which may be one of a subresource, such as `autoscaling` and `Scale`. */
export function printerOfKind(group: string, kind: string): TablePrinter {
  return printers.get(`${kind}.${group}`) ?? genericPrinter
}

const printers: ReadonlyMap<string, TablePrinter> = new Map([
  ['ConfigMap.', configMapPrinter],
  ['Endpoints.', endpointsPrinter],
  ['Event.', eventPrinter],
  ['Namespace.', namespacePrinter],
  ['Node.', nodePrinter],
  ['PersistentVolume.', persistentVolumePrinter],
  ['PersistentVolumeClaim.', persistentVolumeClaimPrinter],
  ['Pod.', podPrinter],
  ['PodTemplate.', podTemplatePrinter],
  ['ResourceQuota.', resourceQuotaPrinter],
  ['Secret.', secretPrinter],
  ['Service.', servicePrinter],
  ['ServiceAccount.', ageOnlyPrinter],
  ['ControllerRevision.apps', controllerRevisionPrinter],
  ['DaemonSet.apps', daemonSetPrinter],
  ['Deployment.apps', deploymentPrinter],
  ['ReplicaSet.apps', replicaSetPrinter],
  ['StatefulSet.apps', statefulSetPrinter],
  ['Scale.autoscaling', scalePrinter],
  ['CronJob.batch', cronJobPrinter],
  ['Job.batch', jobPrinter],
  ['CertificateSigningRequest.certificates.k8s.io', certificateSigningRequestPrinter],
  ['Lease.coordination.k8s.io', leasePrinter],
  ['EndpointSlice.discovery.k8s.io', endpointSlicePrinter],
  ['Event.events.k8s.io', eventPrinter],
  ['NodeMetrics.metrics.k8s.io', nodeMetricsPrinter],
  ['PodMetrics.metrics.k8s.io', podMetricsPrinter],
  ['RuntimeClass.node.k8s.io', runtimeClassPrinter],
  ['PodDisruptionBudget.policy', podDisruptionBudgetPrinter],
  ['ClusterRoleBinding.rbac.authorization.k8s.io', roleBindingPrinter],
  ['RoleBinding.rbac.authorization.k8s.io', roleBindingPrinter],
  ['PriorityClass.scheduling.k8s.io', priorityClassPrinter],
])
