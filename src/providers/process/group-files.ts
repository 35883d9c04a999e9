// SPDX-License-Identifier: Apache-2.0
// The files of control groups, as far as version 1 and 2 have them in common. A group can vanish at any moment, and
// older kernels lack files: what is not there is empty.
import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { podGroupPrefix } from './cgroup.ts'

/** The text of a file, empty when it cannot be read. */
export function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Groups vanish, and older kernels lack files; both mean that there is nothing to read.
    return ''
  }
}

/** Pids in a group and the groups below it. */
export function membersOf(dir: string): readonly number[] {
  const own = readOr(join(dir, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
  return [...own, ...subgroups(dir).flatMap(membersOf)]
}

/** Removes a group with the groups below it; false while one has members. */
export function removeGroup(dir: string): boolean {
  const areGone = subgroups(dir).map(removeGroup).every(Boolean)
  try {
    rmdirSync(dir)
    return areGone
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/**
 * Removes the groups of pods in `dir` that are empty, and then `dir` if nothing is left in it. The kernel
 * removes no group that has processes or groups in it.
 */
export function removeFolder(dir: string): void {
  const ofPods = groupNames(dir).filter((name) => name.startsWith(podGroupPrefix))
  for (const place of [...ofPods.map((name) => join(dir, name)), dir]) {
    try {
      rmdirSync(place)
    } catch {
      // In use by what runs on.
    }
  }
}

/** Names of the groups in `dir` and in the groups of pods there. */
export function allGroupNames(dir: string): readonly string[] {
  return groupNames(dir).flatMap((name) =>
    name.startsWith(podGroupPrefix)
      ? [name, ...groupNames(join(dir, name)).map((inner) => join(name, inner))]
      : [name],
  )
}

/** Names of the groups in `dir`; none when it is not there. */
export function groupNames(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    // Not there: nothing was made yet.
    return []
  }
}

/** Makes a group and writes its settings. */
export function makeGroup(dir: string, settings: readonly (readonly [string, string])[]): void {
  mkdirSync(dir, { recursive: true })
  for (const [file, value] of settings) writeFileSync(join(dir, file), value)
}

/** A figure from a flat keyed file such as memory.stat. */
export function keyedValue(text: string, key: string): number | undefined {
  const value = new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1]
  return value === undefined ? undefined : Number(value)
}

function subgroups(dir: string): readonly string[] {
  return groupNames(dir).map((name) => join(dir, name))
}
