// SPDX-License-Identifier: Apache-2.0
//
// Images for tests, made from Debian's static busybox: no registry is at hand, and none is needed.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { imageArchive, type ImageArchive } from '../../src/providers/docker/images/image-archive.ts'
import type { TarEntry } from '../../src/providers/docker/tar-archive.ts'

const busybox = '/bin/busybox'

/** Name of the image that test pods use. */
export const testImage = 'localhost/vk-busybox:1'

/** busybox with its applets, two users, a working directory for anybody. */
export function busyboxArchive(reference: string = testImage, config: object = {}): ImageArchive {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const env = { Env: ['PATH=/bin'], Cmd: ['sh'] }
  return imageArchive({
    reference,
    architecture,
    config: { ...env, ...config },
    files: busyboxFiles(),
  })
}

/** What is in it. */
export function busyboxFiles(): readonly TarEntry[] {
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  const text = (path: string, content: string): TarEntry => ({
    path,
    mode: 0o644,
    content: Buffer.from(content),
  })
  return [
    { path: 'bin/', mode: 0o755, isDirectory: true },
    { path: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
    ...applets
      .filter((name) => name !== 'busybox')
      .map((name) => ({ path: `bin/${name}`, mode: 0o777, linkTo: 'busybox' })),
    { path: 'etc/', mode: 0o755, isDirectory: true },
    text('etc/passwd', 'root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n'),
    text('etc/group', 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n'),
    { path: 'tmp/', mode: 0o1777, isDirectory: true },
  ]
}
