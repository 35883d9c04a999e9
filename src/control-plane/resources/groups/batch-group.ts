// SPDX-License-Identifier: Apache-2.0
// The resources of the group batch.
import { defineResource, statusOf } from '../define-resource.ts'
import { cronJobStrategy } from '../batch/cron-job-strategy.ts'
import { jobStrategy } from '../batch/job-strategy.ts'
import type { ResourceDefinition } from '../resource-definition.ts'
import { textAt } from '../selectable-field.ts'

const cronJobs = defineResource({
  group: 'batch',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  subresources: [statusOf('CronJob')],
  strategy: cronJobStrategy,
})

const jobs = defineResource({
  group: 'batch',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  subresources: [statusOf('Job')],
  selectableFields: { 'status.successful': textAt('status.succeeded', '0') },
  strategy: jobStrategy,
})

export const batchGroup: readonly ResourceDefinition[] = [cronJobs, jobs]
