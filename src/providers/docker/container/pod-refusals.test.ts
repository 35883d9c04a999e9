// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../../test/support/build-pod.ts'
import { remoteRefusals } from './pod-refusals.ts'

test('a part of a volume that an engine of another machine cannot have is refused by the field that asks for it', () => {
  const volumeMounts = [
    { name: 'scratch', mountPath: '/a', subPath: 'a' },
    { name: 'scratch', mountPath: '/b', subPathExpr: '$(NAME)' },
    { name: 'files', mountPath: '/c', subPathExpr: '$(NAME)' },
    { name: 'scratch', mountPath: '/d' },
  ]
  const pod = buildPod({
    spec: {
      volumes: [
        { name: 'scratch', emptyDir: {} },
        { name: 'files', configMap: { name: 'files' } },
      ],
      containers: [buildContainer({ volumeMounts })],
    },
  })
  assert.deepEqual(
    remoteRefusals(pod).map(({ field }) => field),
    [
      'spec.containers[0].volumeMounts[0].subPath',
      'spec.containers[0].volumeMounts[1].subPathExpr',
    ],
  )
})
