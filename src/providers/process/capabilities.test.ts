// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer } from '../../../test/support/build-pod.ts'
import { checkAddedCapabilities } from './capabilities.ts'

const adding = (...add: readonly string[]) =>
  buildContainer({ securityContext: { capabilities: { add } } })

test('capabilities that the node has can be added, in either spelling', () => {
  const has = (capability: string): boolean => capability === 'NET_ADMIN'
  checkAddedCapabilities(buildContainer(), has)
  checkAddedCapabilities(adding('NET_ADMIN', 'CAP_NET_ADMIN', 'net_admin'), has)
})

test('SYS_PTRACE, which kubectl debug adds, is granted by every node', () => {
  checkAddedCapabilities(adding('SYS_PTRACE'), () => false)
})

test('a capability that the node lacks is an error of configuration', () => {
  assert.throws(() => checkAddedCapabilities(adding('SYS_TIME'), () => false), {
    message:
      'Cannot run container "main": capabilities.add holds "SYS_TIME", which the node itself lacks',
    podReason: 'CreateContainerConfigError',
  })
})
