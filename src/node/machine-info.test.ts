// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readMachineInfo } from './machine-info.ts'

async function makeRoot(files: Readonly<Record<string, string>>) {
  const path = await mkdtemp(join(tmpdir(), 'vk-machine-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('reads what the kubelet reads, without line ends', async () => {
  await using root = await makeRoot({
    'etc/machine-id': '0123456789abcdef\n',
    'sys/class/dmi/id/product_uuid': 'A-B-C\n',
    'proc/sys/kernel/random/boot_id': 'boot\n',
    'proc/sys/kernel/osrelease': '6.1.0-test\n',
    'etc/os-release':
      '# comment\nNAME="Debian"\nPRETTY_NAME="Debian \\"13\\" (trixie)"\nID=debian\n',
  })
  assert.deepEqual(await readMachineInfo({ root: root.path, platform: 'linux', arch: 'x64' }), {
    machineID: '0123456789abcdef',
    systemUUID: 'A-B-C',
    bootID: 'boot',
    kernelVersion: '6.1.0-test',
    osImage: 'Debian "13" (trixie)',
    architecture: 'amd64',
  })
})

test('takes the machine id where the system has no readable uuid', async () => {
  await using root = await makeRoot({ 'var/lib/dbus/machine-id': 'abc' })
  const info = await readMachineInfo({ root: root.path })
  assert.equal(info.machineID, 'abc')
  assert.equal(info.systemUUID, 'abc')
})

test('has every fact as a string on an empty system', async () => {
  await using root = await makeRoot({})
  const info = await readMachineInfo({ root: root.path, platform: 'darwin', arch: 'arm64' })
  assert.equal(info.machineID, '')
  assert.equal(info.bootID, '')
  assert.equal(info.osImage, 'darwin')
  assert.equal(info.architecture, 'arm64')
  assert.match(info.kernelVersion, /\d/)
})

test('makes an image name of NAME and VERSION without a pretty one', async () => {
  await using root = await makeRoot({ 'usr/lib/os-release': "NAME=Small\nVERSION='1.2'\n" })
  assert.equal((await readMachineInfo({ root: root.path })).osImage, 'Small 1.2')
})
