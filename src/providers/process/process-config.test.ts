// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UserError } from '../../util/vk-error.ts'
import { capacityOf, parseProcessConfig } from './process-config.ts'

test('needs no configuration at all', () => {
  const config = parseProcessConfig(undefined)
  assert.equal(config.allowRoot, false)
  assert.deepEqual(config.imagePath, [])
})

test('names the setting that is wrong', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ imagepath: [] }, /there is no setting "imagepath"/],
    [{ imagePath: ['bin'] }, /"imagePath.0" must be an absolute path/],
    [{ imagePath: ['/srv/../etc'] }, /"imagePath.0" must be an absolute path/],
    [{ hostPathPrefixes: ['./x'] }, /"hostPathPrefixes.0" must be an absolute path/],
    [{ allowedUsers: ['alice'] }, /"allowedUsers" must hold numbers or ranges/],
    [{ allowedUsers: ['20-10'] }, /"allowedUsers" must hold numbers or ranges/],
    [{ allowedGroups: ['4294967295'] }, /"allowedGroups" must hold numbers or ranges/],
    [{ defaultUser: -1 }, /"defaultUser"/],
    [{ defaultUser: 0 }, /"defaultUser" is 0 \(root\)/],
    [{ capacity: { cpu: 'many' } }, /"capacity.cpu" must be a quantity/],
    [{ hideRootDir: 'perhaps' }, /"hideRootDir" must be/],
  ]
  for (const [config, message] of cases) {
    assert.throws(
      () => parseProcessConfig(config),
      (error) => {
        assert.ok(error instanceof UserError)
        assert.match(error.message, message)
        assert.ok(error.hint)
        return true
      },
    )
  }
})

test('takes capacity from the machine where the configuration names none', () => {
  const config = parseProcessConfig({ capacity: { pods: 7, 'example.com/gpu': '2' } })
  const capacity = capacityOf(config, '/')
  assert.equal(capacity['pods'], '7')
  assert.equal(capacity['example.com/gpu'], '2')
  assert.match(capacity['memory'] ?? '', /^\d+Ki$/)
  assert.match(capacity['ephemeral-storage'] ?? '', /^\d+Ki$/)
  assert.ok(Number(capacity['cpu']) >= 1)
})
