// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../../test/support/build-pod.ts'
import { providerModule } from '../provider.ts'

const imagesOf = (first: string, second: string) =>
  buildPod({
    spec: {
      initContainers: [buildContainer({ name: 'first', image: first })],
      containers: [buildContainer({ name: 'second', image: second })],
    },
  })

test('a manifest for host processes is told that an engine needs images, field by field', async () => {
  const problems = (await providerModule.problemsOf?.(imagesOf('host', 'host'), {})) ?? []
  assert.deepEqual(
    problems.map(({ field }) => field),
    ['spec.initContainers[0].image', 'spec.containers[0].image'],
  )
  assert.match(problems[0]?.why ?? '', /^image "host" means this machine, [^\n]*busybox:1\.36$/)
})

test('an image of that name with a tag is an image', async () => {
  assert.deepEqual(await providerModule.problemsOf?.(imagesOf('host:latest', 'busybox'), {}), [])
})
