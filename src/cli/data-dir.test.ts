// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataDirOf } from './data-dir.ts'
import { loadSettings } from './load-settings.ts'

test('variables that are empty name no folder, least of all the working directory', (context) => {
  const { getuid } = process
  context.after(() => Object.assign(process, { getuid }))
  Object.assign(process, { getuid: () => 1000 })
  const env = { XDG_STATE_HOME: '', VK_DATA_DIR: '', HOME: '/home/somebody' }
  assert.equal(
    dataDirOf(undefined, env).path,
    '/home/somebody/.local/state/virtual-kubelet/cluster',
  )
  const { rootDir } = loadSettings({ provider: 'mock' }, env)
  assert.match(rootDir, /^\/.+\/\.local\/state\/virtual-kubelet$/)
  const named = { ...env, XDG_STATE_HOME: '/state' }
  assert.equal(dataDirOf(undefined, named).path, '/state/virtual-kubelet/cluster')
})
