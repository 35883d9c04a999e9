// SPDX-License-Identifier: Apache-2.0
// A small root of a container, made of programs of this machine, in a folder of its own that is gone after the test.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseLibraries } from '../../src/providers/process/isolation/trusted-files.ts'

const programs = ['dash', 'cat', 'ls', 'id', 'sleep', 'touch']

/** Why no root can be made here; false where one can. */
export const noImages: string | false = existsSync('/usr/bin/dash')
  ? false
  : 'no dash to make an image of'

export interface ImagePlace extends AsyncDisposable {
  readonly dir: string
  /** A small root, with a file `/marker` that says `image`. */
  readonly root: string
  /** Packs a directory; answers the file. */
  tarball(root: string): string
}

/** Makes one. */
export async function makeImages(): Promise<ImagePlace> {
  const dir = await mkdtemp(join(tmpdir(), 'vk-images-'))
  const root = join(dir, 'root')
  mkdirSync(join(root, 'bin'), { recursive: true })
  const paths = programs.map((name) => `/usr/bin/${name}`)
  const { stdout } = spawnSync('ldd', paths, { encoding: 'utf8' })
  for (const path of [...paths, ...parseLibraries(stdout)]) {
    const place = path.startsWith('/usr/bin/')
      ? join(root, 'bin', basename(path))
      : join(root, path)
    mkdirSync(dirname(place), { recursive: true })
    copyFileSync(path, place)
  }
  symlinkSync('dash', join(root, 'bin/sh'))
  writeFileSync(join(root, 'marker'), 'image\n')
  return {
    dir,
    root,
    tarball(from) {
      const file = join(dir, 'root.tar')
      execFileSync('tar', ['-cf', file, '-C', from, '.'])
      return file
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}

/** SHA-256 in hexadecimal digits. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
