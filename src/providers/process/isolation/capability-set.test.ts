// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VkError } from '../../../util/vk-error.ts'
import { checkTracing, containerCapabilities } from './capability-set.ts'

const of = (
  capabilities: { readonly add?: string[]; readonly drop?: string[] },
  allowed: readonly string[] = [],
): readonly string[] =>
  containerCapabilities({ name: 'main', securityContext: { capabilities } }, allowed)

test('containers have few capabilities, less what they drop', () => {
  assert.equal(of({}).length, 9)
  assert.ok(!of({}).includes('SYS_ADMIN') && !of({}).includes('MKNOD'))
  assert.deepEqual(
    of({ drop: ['CAP_CHOWN'] }),
    of({}).filter((name) => name !== 'CHOWN'),
  )
  assert.deepEqual(of({ drop: ['ALL'] }), [])
})

test('what is added comes back after all were dropped', () => {
  assert.deepEqual(of({ drop: ['ALL'], add: ['NET_BIND_SERVICE', 'cap_kill'] }), [
    'KILL',
    'NET_BIND_SERVICE',
  ])
})

test('no others are added than harmless ones and those that the configuration allows', () => {
  assert.ok(of({ add: ['SYS_PTRACE'] }).includes('SYS_PTRACE'))
  assert.ok(of({ add: ['NET_ADMIN'] }, ['CAP_NET_ADMIN']).includes('NET_ADMIN'))
  for (const name of ['SYS_ADMIN', 'NET_ADMIN', 'ALL', 'SYS_MODULE']) {
    assert.throws(
      () => of({ add: [name] }),
      (error) => error instanceof VkError && error.podReason === 'CreateContainerConfigError',
    )
  }
})

test('root traces no processes but its own, unless the configuration says so', () => {
  const spec = { name: 'main', securityContext: { capabilities: { add: ['SYS_PTRACE'] } } }
  const metadata = { namespace: 'default', name: 'pod', uid: 'u' }
  const check = (pod: object, { uid = 0, allowed = [''], of = {} } = {}) => {
    const whole = { metadata, spec: { containers: [spec], ...pod } }
    checkTracing({ pod: whole, spec: { ...spec, ...of } }, { uid, allowed })
  }
  const sharing = { shareProcessNamespace: true }
  check({})
  check(sharing, { uid: 1000 })
  check(sharing, { allowed: ['SYS_PTRACE'] })
  check(sharing, { of: { securityContext: {} } })
  const host = { hostPID: true }
  check(host, { uid: 1000 })
  check(host, { allowed: ['SYS_PTRACE'] })
  assert.throws(
    () => check(host, { of: { securityContext: {} } }),
    /root may have hostPID only where/,
  )
  for (const [pod, of] of [
    [sharing, {}],
    [{}, { targetContainerName: 'app' }],
  ] as const) {
    assert.throws(
      () => check(pod, { of }),
      /root that sees processes of others may have "SYS_PTRACE"/,
    )
  }
})
