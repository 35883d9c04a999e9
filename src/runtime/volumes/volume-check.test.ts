// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { volumeProblems } from './volume-check.ts'

test('host paths beyond the allowed ones are named with what is allowed', () => {
  const volumes = [
    { name: 'in', hostPath: { path: '/data/x' } },
    { name: 'out', hostPath: { path: '/data/../etc' } },
  ]
  const pod = buildPod({ spec: { volumes } })
  const support = { delivery: 'mount', hostPathPrefixes: ['/data'] } as const
  assert.deepEqual(volumeProblems(pod, support), [
    {
      field: 'spec.volumes[1].hostPath',
      why: 'host path "/data/../etc" is not allowed (hostPathPrefixes: /data)',
    },
  ])
  const none = volumeProblems(pod, { delivery: 'mount' }).map(({ why }) => why)
  assert.equal(
    none[0],
    `host path "/data/x" is not allowed (the provider's configuration has no hostPathPrefixes)`,
  )
})

test('where a variable names a volume, a container has one subPath of it', () => {
  const mount = (mountPath: string, subPath?: string): { name: string; mountPath: string } => ({
    name: 'v',
    mountPath,
    ...(subPath !== undefined && { subPath }),
  })
  const pod = buildPod({
    spec: {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        buildContainer({ volumeMounts: [mount('/a', 'x'), mount('/b', 'x')] }),
        buildContainer({ name: 'two', volumeMounts: [mount('/a'), mount('/b', 'x')] }),
      ],
    },
  })
  const [problem, ...others] = volumeProblems(pod, { delivery: 'variable' })
  assert.equal(problem?.field, 'spec.containers[1].volumeMounts[1]')
  assert.deepEqual(others, [])
  assert.deepEqual(volumeProblems(pod, { delivery: 'mount' }), [])
})

test('a file in memory that only containers have mounted is told for what it is', () => {
  const fileKeyRef = { volumeName: 'v', path: 'p', key: 'k' }
  const env = [{ name: 'A', valueFrom: { fileKeyRef } }]
  const volumes = [{ name: 'v', emptyDir: { medium: 'Memory' } }]
  const pod = buildPod({ spec: { volumes, initContainers: [buildContainer({ env })] } })
  assert.deepEqual(volumeProblems(pod, { delivery: 'mount' }), [
    {
      field: 'spec.initContainers[0].env[0].valueFrom.fileKeyRef',
      why: 'this node cannot read files of volume "v", which is in memory',
    },
  ])
  const prepareMemory = () => Promise.resolve({ hostPath: '/dev/shm/v', isNew: true })
  assert.deepEqual(volumeProblems(pod, { delivery: 'mount', prepareMemory }), [])
})
