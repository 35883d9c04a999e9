// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { imageIdOf, resolveImage } from './image-resolution.ts'
import type { ImagePlaces } from './image-resolution.ts'

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

test('takes directories and pinned tarballs for roots, where the configuration allows them', async () => {
  await using place = await makePlace()
  const { images, places, root } = place
  const digest = 'a'.repeat(64)
  const allowed = { ...places, imageDirPrefixes: [images] }
  const dir = await resolveImage(`dir:${images}/sub`, allowed)
  assert.deepEqual(dir, { kind: 'root', path: join(images, 'sub'), digest: undefined })
  assert.equal(imageIdOf(dir), `dir:${images}/sub`)
  const tar = await resolveImage(`tar:${images}/backup@sha256:${digest}`, allowed)
  assert.equal(imageIdOf(tar), `sha256:${digest}`)
  await symlink(root, join(images, 'out'))
  for (const [image, message] of [
    [`dir:${root}`, /is not below imageDirPrefixes/],
    [`dir:${images}/out`, /is not below imageDirPrefixes/],
    [`dir:${images}/backup`, /is no directory/],
    [`tar:${images}/sub@sha256:${digest}`, /is no file/],
    [`dir:${images}/none`, /nothing of that name/],
  ] as const) {
    await assert.rejects(resolveImage(image, allowed), { podReason: 'ErrImagePull', message })
  }
  const own = { ...allowed, protectedDir: join(images, 'sub', 'own') }
  await mkdir(own.protectedDir)
  await assert.rejects(resolveImage(`dir:${images}/sub`, own), { podReason: 'ErrImagePull' })
  const bare = { ...allowed, canIsolate: false }
  await assert.rejects(resolveImage(`dir:${images}/sub`, bare), { message: /takes bubblewrap/ })
  await assert.rejects(resolveImage(`dir:${images}/sub`, places), { message: /\(none\)/ })
})

test('says what a root’s name must look like', async () => {
  await using place = await makePlace()
  const allowed = { ...place.places, imageDirPrefixes: ['/'] }
  for (const image of [
    'dir:',
    'dir:/',
    'dir:x',
    'dir:/a/../b',
    'dir:/a/',
    'tar:/a.tar',
    'tar:/a@sha256:AB',
    `dir:/a@sha256:${'a'.repeat(64)}`,
  ]) {
    await assert.rejects(resolveImage(image, allowed), { podReason: 'InvalidImageName' })
  }
})

async function makePlace(): Promise<
  AsyncDisposable & {
    readonly root: string
    readonly images: string
    readonly places: ImagePlaces
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
    places: {
      imagePath: [images],
      imageDirPrefixes: [],
      canIsolate: true,
      protectedDir: join(root, 'none'),
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
