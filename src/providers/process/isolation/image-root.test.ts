// SPDX-License-Identifier: Apache-2.0
// Roots that are not the host's: directories and tarballs, and what hostile ones are worth.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { digestOf, makeImages, noImages } from '../../../../test/support/image-place.ts'
import { isRoot } from '../../../../test/support/process-runtime.ts'
import {
  at,
  noSandbox,
  outputOf,
  runInside,
  sandboxWorld,
  startOf,
  volume,
} from '../../../../test/support/sandbox-world.ts'
import { systemClock } from '../../../util/clock.ts'
import { findHostTools } from '../host-tools.ts'
import { ImageStore } from './image-store.ts'

const skip = noSandbox || noImages

test(
  'a directory is a root, read-only, with the programs that are in it and no others',
  { skip },
  async () => {
    await using place = await makeImages()
    await using world = await sandboxWorld({ imageDirPrefixes: [place.dir] })
    const image = `dir:${place.root}`
    const script =
      'cat /marker; id -u; ls /; ls /proc/1/fd >/dev/null 2>&1 || echo; touch /x 2>/dev/null || echo fixed; touch /tmp/x && echo writes; python3 2>/dev/null || echo none'
    const { stdout, stderr } = await outputOf(world, startOf(world, { script, image }))
    assert.equal(stderr, '')
    assert.match(stdout, /^image\n\d+\n/)
    assert.doesNotMatch(stdout, /^(opt|srv|work)$/m)
    assert.match(stdout, /fixed\nwrites\nnone\n$/)
  },
)

test('system calls are filtered where the container asks for it', { skip }, async () => {
  await using place = await makeImages()
  await using world = await sandboxWorld({ imageDirPrefixes: [place.dir] })
  const script =
    'while read -r name value; do [ "$name" != Seccomp: ] || echo "$value"; done </proc/self/status'
  const securityContext = { seccompProfile: { type: 'RuntimeDefault' } }
  const what = { script, image: `dir:${place.root}`, spec: { securityContext } }
  const { stdout, stderr } = await outputOf(world, startOf(world, what))
  assert.deepEqual([stdout, stderr], ['2\n', ''])
})

test(
  'a pod cannot put its files where those are that start its containers',
  { skip: skip || !isRoot },
  async () => {
    await using place = await makeImages()
    await using world = await sandboxWorld({ imageDirPrefixes: [place.dir] })
    const dir = await volume(world, 'data', { evil: '' })
    const file = (path: string) => at(join(dir, 'evil'), path, { kind: 'file' })
    const attacks = [
      at(dir, '/etc'),
      file('/etc/ld.so.preload'),
      file('/.virtual-kubelet/setpriv'),
      file('/.virtual-kubelet/lib/libc.so.6'),
      at(dir, '/.virtual-kubelet/lib/glibc-hwcaps/x86-64-v2'),
      at(dir, '/.virtual-kubelet/x'),
    ]
    for (const [index, mount] of attacks.entries()) {
      const image = `dir:${place.root}`
      const start = startOf(world, { script: 'id', image, mounts: [mount], uid: `attack-${index}` })
      await assert.rejects(outputOf(world, start), /it would take the place of/, mount.mountPath)
    }
  },
)

test('links of an image lead to nothing that starts containers', { skip }, async () => {
  await using place = await makeImages()
  await using world = await sandboxWorld({ imageDirPrefixes: [place.dir] })
  const links = [
    ['tmp', '/etc'],
    ['var/tmp', '../etc'],
    ['etc', '/proc/1/root/tmp'],
    ['etc/ld.so.preload', '/tmp/later'],
    ['.virtual-kubelet', '/tmp/kit'],
    ['.virtual-kubelet', 'dev/kit'],
  ] as const
  for (const [index, [name, target]] of links.entries()) {
    const image = join(place.dir, `links-${index}`)
    for (const dir of ['etc', 'var', 'tmp']) mkdirSync(join(image, dir), { recursive: true })
    rmSync(join(image, name), { recursive: true, force: true })
    symlinkSync(target, join(image, name))
    const start = startOf(world, { script: 'id', image: `dir:${image}`, uid: `links-${index}` })
    await assert.rejects(outputOf(world, start), /Cannot use the image, for "/, name)
  }
})

test('commands run in such a root, variables that no shell hands on too', { skip }, async () => {
  await using place = await makeImages()
  await using world = await sandboxWorld({ imageDirPrefixes: [place.dir] })
  const env = { 'app.conf': 'value' }
  const start = startOf(world, { script: 'exec sleep 60', image: `dir:${place.root}`, env })
  await world.runtime.startContainer(start, world.context)
  const exec = async (command: readonly string[]) => await runInside(world, start, command)
  const run = await exec(['cat', '/marker', '/proc/self/environ'])
  assert.equal((await exec(['sh', '-c', 'exit 4'])).exitCode, 4)
  assert.match(run.stdout, /^image\n/)
  assert.ok(run.stdout.split('\0').includes('app.conf=value'), run.stdout)
})

test('a tarball is unpacked once, when its bytes are what the pod says', { skip }, async () => {
  await using place = await makeImages()
  await using world = await sandboxWorld({ imageDirPrefixes: [place.dir] })
  const plain = readFileSync(place.tarball(place.root))
  const packed = {
    'a.tar': plain,
    'b.tar.gz': gzipSync(plain),
    'c.tar.zst': zstdCompressSync(plain),
  }
  for (const [name, bytes] of Object.entries(packed)) {
    writeFileSync(join(place.dir, name), bytes)
    const image = `tar:${join(place.dir, name)}@sha256:${digestOf(bytes)}`
    const start = startOf(world, { script: 'cat /marker', image, uid: name.replaceAll('.', '-') })
    assert.equal((await outputOf(world, start)).stdout, 'image\n')
  }
  writeFileSync(join(place.dir, 'a.tar'), 'other')
  const wrong = `tar:${join(place.dir, 'b.tar.gz')}@sha256:${'0'.repeat(64)}`
  const start = startOf(world, { script: 'true', image: wrong, uid: 'wrong' })
  await assert.rejects(world.runtime.startContainer(start, world.context), {
    podReason: 'ErrImagePull',
    message: /its SHA-256 is [0-9a-f]{64}$/,
  })
  const kept = `tar:${join(place.dir, 'a.tar')}@sha256:${digestOf(plain)}`
  const again = startOf(world, { script: 'cat /marker', image: kept, uid: 'again' })
  assert.equal((await outputOf(world, again)).stdout, 'image\n')
})

test('a tarball writes nothing outside of its place', { skip }, async () => {
  await using place = await makeImages()
  const evil = join(place.dir, 'evil')
  const target = join(place.dir, 'target')
  mkdirSync(target)
  mkdirSync(join(evil, 'x'), { recursive: true })
  symlinkSync(target, join(evil, 'link'))
  writeFileSync(join(evil, 'x', 'file'), 'evil')
  const file = join(place.dir, 'evil.tar')
  const rename = ['--transform', 's,^x/file,link/file,', '--transform', 's,^x/up,../up,']
  writeFileSync(join(evil, 'x', 'up'), 'evil')
  execFileSync('tar', ['-cPf', file, '-C', evil, ...rename, 'link', 'x/file', 'x/up'])
  const store = new ImageStore(join(place.dir, 'store'), {
    tools: findHostTools(),
    clock: systemClock,
  })
  const digest = digestOf(readFileSync(file))
  await store.ensure({ path: file, digest }, 'pod').catch(() => undefined)
  assert.deepEqual(readdirSync(target), [])
  assert.equal(existsSync(join(place.dir, 'store', digest, 'up')), false)
  assert.equal(existsSync('/up'), false)
})

test('a preload file in an image does not run with our rights', { skip }, async () => {
  await using place = await makeImages()
  await using world = await sandboxWorld({ imageDirPrefixes: [place.dir] })
  mkdirSync(join(place.root, 'etc'), { recursive: true })
  writeFileSync(join(place.root, 'etc/ld.so.preload'), '/evil.so\n')
  const start = startOf(world, {
    script: 'cat /etc/ld.so.preload; cat /marker',
    image: `dir:${place.root}`,
  })
  const { stdout, stderr } = await outputOf(world, start)
  assert.equal(stdout, 'image\n')
  assert.equal(stderr.includes('evil.so'), false)
})

test('an image that no pod has used for an hour is removed', { skip }, async () => {
  await using place = await makeImages()
  let nowMs = Date.now()
  const dir = join(place.dir, 'store')
  const store = new ImageStore(dir, { tools: findHostTools(), clock: { nowMs: () => nowMs } })
  const path = place.tarball(place.root)
  const digest = digestOf(readFileSync(path))
  await Promise.all(['a', 'b'].map((uid) => store.ensure({ path, digest }, uid)))
  await store.release('a')
  nowMs += 7_200_000
  await store.release('none')
  assert.deepEqual(readdirSync(dir), [digest])
  await store.release('b')
  assert.deepEqual(readdirSync(dir), [digest])
  nowMs += 7_200_000
  await store.release('none')
  assert.deepEqual(readdirSync(dir), [])
})
