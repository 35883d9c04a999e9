// SPDX-License-Identifier: Apache-2.0
//
// Pods that nobody has cleaned up leave what was mounted for them, volumes in memory for example.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Undoes all mounts below a folder, the inner ones first, so that the folder can be removed. */
export function unmountBelow(folder: string): void {
  if (process.platform !== 'linux') return
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll(String.raw`\040`, ' '))
    .filter((path) => path.startsWith(`${folder}/`))
  for (const path of mounts.toReversed()) spawnSync('umount', ['--lazy', path])
}
