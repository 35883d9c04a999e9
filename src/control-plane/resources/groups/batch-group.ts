// SPDX-License-Identifier: Apache-2.0
// The resources of the group batch.
import { defineResource, statusOf } from '../define-resource.ts'
import { genericStrategy } from '../generic-strategy.ts'
import type { ResourceDefinition } from '../resource-definition.ts'
import { textAt } from '../selectable-field.ts'

const cronJobs = defineResource({
  group: 'batch',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  subresources: [statusOf('CronJob')],
  strategy: genericStrategy({ hasGeneration: true, newStatus: {} }),
})

const jobs = defineResource({
  group: 'batch',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  subresources: [statusOf('Job')],
  selectableFields: { 'status.successful': textAt('status.succeeded', '0') },
  strategy: genericStrategy({
    hasGeneration: true,
    newStatus: {},
    defaultPropagation: 'Orphan',
  }),
})

export const batchGroup: readonly ResourceDefinition[] = [cronJobs, jobs]
