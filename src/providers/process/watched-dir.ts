// SPDX-License-Identifier: Apache-2.0
// Tells of changes in a launch's directory, by which stage and wrapper speak to us.
import { watch } from 'node:fs'

/** A watch on one directory. */
export interface WatchedDir extends Disposable {
  /** Called with the name of what has changed, or null where the system does not tell; one at a time. */
  onChange: (name: string | null) => void
}

/** Undefined: there are no watches left on this machine. */
export function watchDir(dir: string): WatchedDir | undefined {
  try {
    const watcher = watch(dir, { persistent: false }, (_, name) => watched.onChange(name))
    watcher.on('error', () => watcher.close())
    const watched: WatchedDir = {
      onChange: () => {},
      [Symbol.dispose]: () => watcher.close(),
    }
    return watched
  } catch {
    return undefined
  }
}
