// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../../kube/types.gen.ts'
import { providerModule } from './provider.ts'

/** What is said of a container beforehand. */
async function said(container: Partial<Container>): Promise<readonly string[]> {
  const volumeMounts = [{ name: 'tools', mountPath: '/tools' }]
  const main = { name: 'main', image: 'host', volumeMounts, ...container }
  const pod = {
    metadata: { namespace: 'default', name: 'a', uid: 'u' },
    spec: { containers: [main], volumes: [{ name: 'tools', emptyDir: {} }] },
  }
  const problems = (await providerModule.problemsOf?.(pod, { isolation: 'none' })) ?? []
  for (const { mayPass } of problems) assert.equal(mayPass, true)
  return problems.map(({ field, why }) => `${field}: ${why}`)
}

test('a program that this machine has not is said beforehand, as the start would', async () => {
  assert.deepEqual(await said({ command: ['sh', '-c', 'frobnicate'] }), [])
  const at = 'spec.containers[0]: Cannot start process: '
  assert.deepEqual(await said({ command: ['frobnicate'] }), [
    `${at}exec: "frobnicate": executable file not found in $PATH`,
  ])
  assert.deepEqual(await said({ image: '/etc/passwd' }), [
    `${at}exec: "/etc/passwd": permission denied: it is not executable`,
  ])
  assert.deepEqual(await said({ command: ['sh'], workingDir: '/nowhere' }), [
    `${at}chdir to cwd ("/nowhere"): no such directory`,
  ])
  const env = [{ name: 'PATH', value: '/nowhere' }]
  assert.equal((await said({ command: ['sh'], env })).length, 1)
})

test('what is known only at the start is not judged', async () => {
  const secretRef = { name: 'paths' }
  const open: readonly Partial<Container>[] = [
    { command: ['/tools/frobnicate'] },
    { command: ['./frobnicate'], workingDir: '/tools/' },
    { command: ['$(PROGRAM)'] },
    { command: ['frobnicate'], envFrom: [{ secretRef }] },
    { command: ['frobnicate'], env: [{ name: 'PATH', value: '/tools:$(MORE)' }] },
  ]
  for (const container of open) {
    assert.deepEqual(await said(container), [], JSON.stringify(container))
  }
})
