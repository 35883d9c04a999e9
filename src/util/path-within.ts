// SPDX-License-Identifier: Apache-2.0
// Whether one path of this machine lies in another, by their names alone: what is decided by it looks first where
// links lead.
import { sep } from 'node:path'

/** Is `path` the directory itself or something below it? Both are absolute and normal; a slash at the end is none. */
export function isPathWithin(path: string, dir: string): boolean {
  return `${path}${sep}`.startsWith(dir.endsWith(sep) ? dir : `${dir}${sep}`)
}
