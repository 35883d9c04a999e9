// SPDX-License-Identifier: Apache-2.0
// For tests: what tables show of workloads.
import type { ExpectedCells } from './expected-cells.ts'

const template = {
  metadata: { labels: { app: 'web' } },
  spec: {
    nodeSelector: { disk: 'ssd' },
    containers: [
      { name: 'a', image: 'x:1' },
      { name: 'b', image: 'y' },
    ],
  },
}
const selector = { matchLabels: { app: 'web' } }

export const expectedWorkloadCells: readonly ExpectedCells[] = [
  {
    of: ['apps', 'Deployment'],
    what: 'a deployment under way',
    object: {
      spec: { replicas: 3, selector, template },
      status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
    },
    shows: ['1/3', 2, 1, 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Ready|Up-to-date|Available|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['apps', 'ReplicaSet'],
    what: 'a replica set without status',
    object: { spec: { replicas: 0, selector, template } },
    shows: [0, 0, 0, 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Desired|Current|Ready|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['apps', 'StatefulSet'],
    what: 'a stateful set',
    object: { spec: { replicas: 2, selector, template }, status: { readyReplicas: 2 } },
    shows: ['2/2', 'a,b', 'x:1,y'],
    columns: 'Name|Ready|Age|Containers*|Images*',
  },
  {
    of: ['apps', 'DaemonSet'],
    what: 'a daemon set',
    object: {
      spec: { selector, template },
      status: {
        desiredNumberScheduled: 5,
        currentNumberScheduled: 4,
        numberReady: 3,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      },
    },
    shows: [5, 4, 3, 2, 1, 'disk=ssd', 'a,b', 'x:1,y', 'app=web'],
    columns:
      'Name|Desired|Current|Ready|Up-to-date|Available|Node Selector|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['apps', 'ControllerRevision'],
    what: 'the owner of a revision',
    object: {
      metadata: {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'ds', controller: true },
        ],
      },
      revision: 7,
    },
    shows: ['daemonset.apps/ds', 7],
    columns: 'Name|Controller|Revision|Age',
  },
  {
    of: ['', 'PodTemplate'],
    what: 'a pod template',
    object: { template },
    shows: ['a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Containers|Images|Pod Labels',
  },
  {
    of: ['autoscaling', 'Scale'],
    what: 'a scale',
    object: { spec: { replicas: 3 }, status: { replicas: 2 } },
    shows: [3, 2],
    columns: 'Name|Desired|Available|Age',
  },
  {
    of: ['batch', 'Job'],
    what: 'a job that is done',
    object: {
      spec: { completions: 3, selector, template },
      status: {
        succeeded: 3,
        startTime: '2026-01-02T00:00:00Z',
        completionTime: '2026-01-02T00:02:30Z',
        conditions: [
          { type: 'SuccessCriteriaMet', status: 'True' },
          { type: 'Complete', status: 'True' },
        ],
      },
    },
    shows: ['Complete', '3/3', '2m30s', 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['batch', 'Job'],
    what: 'a job of a work queue that runs',
    object: {
      spec: { parallelism: 4, selector, template },
      status: { startTime: '2026-01-02T00:09:00Z' },
    },
    shows: ['Running', '0/1 of 4', '60s', 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['batch', 'Job'],
    what: 'a job that waits',
    object: {
      spec: { parallelism: 1, selector, template },
      status: { conditions: [{ type: 'Suspended', status: 'True' }] },
    },
    shows: ['Suspended', '0/1', '', 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['batch', 'CronJob'],
    what: 'a cron job',
    object: {
      spec: {
        schedule: '0 0 * * *',
        timeZone: 'Europe/Berlin',
        suspend: true,
        jobTemplate: { spec: { template } },
      },
      status: { lastScheduleTime: '2026-01-01T00:00:00Z', active: [{ name: 'x' }] },
    },
    shows: ['0 0 * * *', 'Europe/Berlin', 'True', 1, '24h', 'a,b', 'x:1,y', '<none>'],
    columns:
      'Name|Schedule|Timezone|Suspend|Active|Last Schedule|Age|Containers*|Images*|Selector*',
  },
]
