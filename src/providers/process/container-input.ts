// SPDX-License-Identifier: Apache-2.0
// The stdin of a container that has one: a named pipe in the launch's directory. A keeper that the wrapper
// starts holds it open for writing, so that the container sees no end of input while nobody is attached,
// not after a restart of ours either. The keeper waits to read from a second pipe: opening that one to
// write lets it go, and its end is the end of the container's input.
import { chownSync, closeSync, constants, existsSync, openSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import type { RunTool } from './run-tool.ts'
import type { RunUser } from './users.ts'

const { O_WRONLY, O_NONBLOCK } = constants
const endedFile = 'stdin-ended'

/** The pipe that the container reads; the keeper's has `-end` behind it. */
export function inputPath(dir: string): string {
  return join(dir, 'stdin')
}

/** Makes both pipes; the container's user may open its own one anew, by /dev/stdin. */
export async function makeInput(
  dir: string,
  { mkfifo, user, run }: { readonly mkfifo: string; readonly user: RunUser; readonly run: RunTool },
): Promise<void> {
  const path = inputPath(dir)
  await run([mkfifo, '-m', '600', path, `${path}-end`])
  if (user.uid !== process.getuid?.()) chownSync(path, user.uid, user.gid)
}

/** Writes to the container's stdin; undefined when it has none, or its input has ended. */
export function openInput(dir: string): Writable | undefined {
  if (existsSync(join(dir, endedFile))) return undefined
  const descriptor = openForWriting(inputPath(dir))
  return descriptor === undefined
    ? undefined
    : new Socket({ fd: descriptor, readable: false, writable: true })
}

/** Ends the container's input for good, once whoever else writes to it has closed. */
export function endInput(dir: string): void {
  const path = `${inputPath(dir)}-end`
  if (!existsSync(path)) return
  writeFileSync(join(dir, endedFile), '', { mode: 0o600 })
  const descriptor = openForWriting(path)
  if (descriptor !== undefined) closeSync(descriptor)
}

/** Undefined: there is no such pipe, or nobody reads it. */
function openForWriting(path: string): number | undefined {
  try {
    return openSync(path, O_WRONLY | O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENXIO' || code === 'ENOENT') return undefined
    throw error
  }
}
