// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '../../../kube/types.gen.ts'
import { networkProblems } from './network-problems.ts'

const spec: PodSpec = {
  containers: [
    {
      name: 'main',
      livenessProbe: { tcpSocket: { port: 80 } },
      readinessProbe: { exec: { command: ['true'] } },
      lifecycle: { preStop: { httpGet: { port: 80 } } },
      ports: [{ containerPort: 80 }, { containerPort: 81, hostPort: 81 }],
    },
  ],
}

test('what must be reached from outside is refused where there is no network', () => {
  const fields = networkProblems({ spec }, 'none').map(({ field }) => field)
  assert.deepEqual(fields, [
    'spec.containers[0].livenessProbe',
    'spec.containers[0].lifecycle.preStop',
    'spec.containers[0].ports[1].hostPort',
  ])
})

test('on the host’s network everything is as it is', () => {
  assert.deepEqual(networkProblems({ spec }, 'host'), [])
  assert.deepEqual(networkProblems({ spec: { ...spec, hostNetwork: true } }, 'none'), [])
})
