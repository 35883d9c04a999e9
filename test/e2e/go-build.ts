// SPDX-License-Identifier: Apache-2.0
//
// Builds a Go module of this folder once and keeps the result in the user's cache, under a name that
// is a hash of everything that goes into it. A folder in the cache is complete or it is not there:
// it is made elsewhere and then renamed, so that two builds at once do no harm.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** What to build, and under which names to offer it. */
export interface GoBuild {
  /** Name of the folder in the cache. */
  readonly name: string
  /** Folder of the Go module. */
  readonly source: string
  /** Arguments of `go`, without `-o`, for example `['build', '-trimpath', '.']`. */
  readonly args: readonly string[]
  /** Name of the file that is built. */
  readonly binary: string
  /** Names of symbolic links to the binary. */
  readonly links?: readonly string[]
}

/** Says what the user has to do before a build can work; no defect of ours. */
export class GoBuildError extends Error {
  override readonly name = 'GoBuildError'
}

/** Returns the folder with the built binary; builds it if the cache has none for these sources. */
export function goBuild(build: GoBuild): string {
  const base = join(cacheHome(), 'virtual-kubelet', build.name)
  const folder = join(base, hashOf(build))
  if (isBuilt(build)) return folder
  mkdirSync(base, { recursive: true })
  const unfinished = mkdtempSync(join(base, 'build-'))
  try {
    compile(build, join(unfinished, build.binary))
    for (const link of build.links ?? []) symlinkSync(build.binary, join(unfinished, link))
    publish(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return folder
}

/** Whether the cache has it, so that nobody has to wait. */
export function isBuilt(build: GoBuild): boolean {
  return existsSync(join(cacheHome(), 'virtual-kubelet', build.name, hashOf(build)))
}

/** The body of the scripts `build.ts`: prints the folder, or why there is none and exits 2. */
export function printBuild(build: () => string): void {
  try {
    console.log(build())
  } catch (error) {
    if (!(error instanceof GoBuildError)) throw error
    console.error(error.message)
    process.exitCode = 2
  }
}

function cacheHome(): string {
  return process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
}

function hashOf({ source, args, binary, links }: GoBuild): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([process.platform, process.arch, args, binary, links]))
  for (const file of globSync(['go.mod', 'go.sum', '*.go'], { cwd: source }).sort()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(source, file)))
  }
  return hash.digest('hex').slice(0, 16)
}

function compile({ name, source, args }: GoBuild, output: string): void {
  if (spawnSync('go', ['version']).error) {
    throw new GoBuildError(
      `Cannot build ${name}: Go 1.26 or newer is not installed (no 'go' in PATH)`,
    )
  }
  console.error(`Building ${name} with Go; the first time takes minutes …`)
  const [verb = 'build', ...rest] = args
  const { error, status } = spawnSync('go', [verb, '-o', output, ...rest], {
    cwd: source,
    stdio: ['ignore', 2, 2],
    // Static, so that a cached binary runs on any machine of the same kind.
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
  })
  if (error) throw error
  if (status !== 0) throw new GoBuildError(`Cannot build ${name}: go exited with ${status}`)
}

function publish(unfinished: string, folder: string): void {
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    // Another build of the same sources was faster; its result is as good as ours.
    if (!existsSync(folder)) throw error
  }
}
