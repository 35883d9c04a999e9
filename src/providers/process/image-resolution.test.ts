// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { imageIdOf, resolveImage } from './image-resolution.ts'

test('finds host, absolute paths and names in the configured directories', async () => {
  await using place = await makePlace()
  const { images, places } = place
  assert.deepEqual(await resolveImage('host', places), { kind: 'host' })
  const backup = { kind: 'file', path: join(images, 'backup') }
  assert.deepEqual(await resolveImage('backup', places), backup)
  assert.deepEqual(await resolveImage(backup.path, places), backup)
  assert.equal((await resolveImage('sub', places)).kind, 'directory')
  assert.equal((await resolveImage('sub/tool', places)).kind, 'file')
  assert.equal(imageIdOf(await resolveImage('backup', places)), `file://${backup.path}`)
})

test('refuses what is neither, and says that nothing is pulled', async () => {
  await using place = await makePlace()
  for (const image of [
    'busybox',
    'busybox:latest',
    'registry.example/a/b:1',
    '../outside',
    'sub/../../outside',
    './backup',
    'sub//tool',
    '',
    '/nowhere',
    'backup\0x',
    'HOST',
  ]) {
    await assert.rejects(resolveImage(image, place.places), {
      podReason: 'CreateContainerConfigError',
      message: /is neither "host" nor .*; the process provider pulls nothing/,
    })
  }
})

test('names nothing of virtual-kubelet’s own directory, not even through a link', async () => {
  await using place = await makePlace()
  const { images, places, root } = place
  const own = join(root, 'own')
  await mkdir(own)
  await writeFile(join(own, 'key'), '')
  await symlink(join(own, 'key'), join(images, 'link'))
  const guarded = { ...places, protectedDir: own }
  for (const image of [own, join(own, 'key'), 'link', `${images}/../own/key`]) {
    await assert.rejects(resolveImage(image, guarded), { code: 'NotFound' })
  }
})

async function makePlace(): Promise<
  AsyncDisposable & {
    readonly root: string
    readonly images: string
    readonly places: { readonly imagePath: readonly string[]; readonly protectedDir: string }
  }
> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'vk-images-')))
  const images = join(root, 'images')
  await mkdir(join(images, 'sub'), { recursive: true })
  await writeFile(join(images, 'backup'), '', { mode: 0o755 })
  await writeFile(join(images, 'sub', 'tool'), '', { mode: 0o755 })
  await writeFile(join(root, 'outside'), '')
  return {
    root,
    images,
    places: { imagePath: [images], protectedDir: join(root, 'none') },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
