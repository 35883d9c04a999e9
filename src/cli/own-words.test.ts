// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inOwnWords } from './own-words.ts'
import type { Start } from './own-words.ts'

const clone = '/home/me/clone'
const program = `${clone}/src/cli/main.ts`

function started(by: Partial<Start>): (text: string) => string {
  const start = { env: { PATH: '/usr/bin' }, program, directory: clone, ...by }
  return (text) => inOwnWords(text, start)
}

test('a clone is told in the words of npm, from whatever folder of it', () => {
  for (const here of [clone, `${clone}/examples`]) {
    const env = {
      npm_lifecycle_event: 'vk',
      npm_config_local_prefix: clone,
      INIT_CWD: here,
    }
    const say = started({ env })
    assert.equal(say('Start one with `virtual-kubelet up`.'), 'Start one with `npm run vk -- up`.')
    assert.equal(
      say('  eval "$(virtual-kubelet up --detach)"\n  virtual-kubelet status -o json | jq .server'),
      '  eval "$(npm -s run vk -- up --detach)"\n  npm -s run vk -- status -o json | jq .server',
    )
    assert.equal(
      say('Usage: virtual-kubelet run [options] <manifests...>'),
      'Usage: npm run vk -- run [options] <manifests...>',
    )
  }
})

test('from elsewhere npm is told where the clone is', () => {
  const env = {
    npm_lifecycle_event: 'vk',
    npm_config_local_prefix: '/home/me/my clone',
    INIT_CWD: '/tmp',
  }
  const say = started({ env })
  assert.equal(say('virtual-kubelet down'), "npm --prefix '/home/me/my clone' run vk -- down")
})

test('without npm it is node and the path, as seen from here', () => {
  assert.equal(started({})('virtual-kubelet down'), 'node src/cli/main.ts down')
  const elsewhere = started({ directory: '/tmp' })
  assert.equal(elsewhere('virtual-kubelet down'), `node ${program} down`)
  assert.equal(
    started({ directory: `${clone}/src/cli` })('virtual-kubelet up'),
    'node ./main.ts up',
  )
})

test('what is installed is told as it was called', () => {
  const bin = '/opt/app/node_modules/.bin'
  const installed = { program: `${bin}/virtual-kubelet`, directory: '/opt/app' }
  const say = (more: Partial<Start>): string =>
    started({ ...installed, ...more })('virtual-kubelet up')
  assert.equal(say({ env: { PATH: `/usr/bin:${bin}` } }), 'virtual-kubelet up')
  assert.equal(say({}), 'node_modules/.bin/virtual-kubelet up')
  assert.equal(say({ directory: '/' }), 'opt/app/node_modules/.bin/virtual-kubelet up')
  const npx = { PATH: `/usr/bin:${bin}`, npm_command: 'exec' }
  assert.equal(say({ env: npx }), 'npx virtual-kubelet up')
})

test('only commands are put in other words', () => {
  const say = started({})
  for (const text of [
    'the same for virtual-kubelet itself',
    '/var/lib/virtual-kubelet for root',
    'Cannot read "/tmp/virtual-kubelet up"',
    'virtual-kubelet completion bash',
    'virtual-kubelet upside down',
  ]) {
    assert.equal(say(text), text)
  }
})
