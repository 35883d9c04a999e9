// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cgroups } from './cgroup.ts'
import { resizeGroup } from './resize-group.ts'

const container = { what: 'container "main"', group: 'group', limits: {} as never }

const groups = (update: () => boolean): Cgroups => ({ update }) as unknown as Cgroups

test('a container without a group cannot be resized', () => {
  const message = 'Cannot resize container "main": it has no control group'
  assert.throws(() => resizeGroup(undefined, container), { code: 'Unsupported', message })
  const none = groups(() => false)
  assert.throws(() => resizeGroup(none, container), { code: 'Unsupported', message })
})

test('what the kernel refuses is told without paths', () => {
  const refusing = groups(() => {
    throw Object.assign(new Error("EBUSY: open '/sys/fs/cgroup/x'"), { code: 'EBUSY' })
  })
  assert.throws(() => resizeGroup(refusing, container), {
    code: 'Unavailable',
    message: 'Cannot resize container "main": EBUSY',
  })
})
