// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VkError } from '../util/vk-error.ts'
import { failureToError } from './api-answer.ts'

test('a certificate that nobody vouches for leads to the kubeconfig, not to a flag of Node.js', () => {
  const advice = '; if the root CA is installed locally, try running Node.js with --use-system-ca'
  const refused = Object.assign(new Error(`unable to verify the first certificate${advice}`), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
  const error = failureToError(refused, 'get "/version"', undefined)
  assert.ok(error instanceof VkError)
  assert.equal(
    error.message,
    'Cannot get "/version": unable to verify the first certificate (certificate-authority-data of the kubeconfig names another authority, or none)',
  )
  const other = failureToError(new Error('socket hang up; if so'), 'list pods', undefined)
  assert.equal(other instanceof Error && other.message, 'Cannot list pods: socket hang up; if so')
})
