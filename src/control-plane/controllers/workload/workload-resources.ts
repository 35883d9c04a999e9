// SPDX-License-Identifier: Apache-2.0
// The kinds that the workload controllers read and write, beyond those every part of the program knows.
import type { Resource } from '../../../kube/resources.ts'
import type {
  ControllerRevision,
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  PersistentVolumeClaim,
  ReplicaSet,
  StatefulSet,
} from '../../../kube/types.gen.ts'

function apps<T>(kind: string, plural: string): Resource<T> {
  return { apiVersion: 'apps/v1', kind, plural, isNamespaced: true }
}

function batch<T>(kind: string, plural: string): Resource<T> {
  return { apiVersion: 'batch/v1', kind, plural, isNamespaced: true }
}

export const replicaSets: Resource<ReplicaSet> = apps('ReplicaSet', 'replicasets')
export const deployments: Resource<Deployment> = apps('Deployment', 'deployments')
export const statefulSets: Resource<StatefulSet> = apps('StatefulSet', 'statefulsets')
export const daemonSets: Resource<DaemonSet> = apps('DaemonSet', 'daemonsets')
export const controllerRevisions: Resource<ControllerRevision> = apps(
  'ControllerRevision',
  'controllerrevisions',
)
export const jobs: Resource<Job> = batch('Job', 'jobs')
export const cronJobs: Resource<CronJob> = batch('CronJob', 'cronjobs')
export const persistentVolumeClaims: Resource<PersistentVolumeClaim> = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  isNamespaced: true,
}
