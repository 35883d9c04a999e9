// SPDX-License-Identifier: Apache-2.0
// Folders stand for control groups: those that hold a file cannot be removed, as groups with processes cannot.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CgroupsV2 } from './cgroup-v2.ts'
import { nodeFolder, sweepForsakenGroups } from './forsaken-groups.ts'
import { observeProcess, readBootId } from './process-identity.ts'

const cgroupRoot = '/vk'

test('empty groups of a node are removed once its root directory and its process are gone', async () => {
  await using world = await openWorld()
  const gone = await world.node('gone', { hasRootDir: false })
  await gone.group('pod-1/c1')
  await gone.group('c2')
  await world.start()
  assert.equal(existsSync(gone.folder), false)
  assert.deepEqual(world.notes(), [world.own])
})

test('groups of a node that may come back, or lives, are left alone', async () => {
  await using world = await openWorld()
  const stopped = await world.node('stopped', { hasRootDir: true })
  const living = await world.node('living', { hasRootDir: false, isAlive: true })
  const unknown = join(world.mount, cgroupRoot, '0123456789ab', 'c1')
  await mkdir(unknown, { recursive: true })
  for (const node of [stopped, living]) await node.group('pod-1/c1')
  await world.start()
  for (const node of [stopped, living]) {
    assert.equal(existsSync(join(node.folder, 'pod-1/c1')), true)
    assert.equal(world.notes().includes(node.name), true)
  }
  assert.equal(existsSync(unknown), true)
})

test('a group that somebody lives in stays with its note, and goes at a later start', async () => {
  await using world = await openWorld()
  const gone = await world.node('gone', { hasRootDir: false })
  await gone.group('pod-1/c1')
  await gone.group('c2')
  const process = join(gone.folder, 'pod-1/c1/cgroup.procs')
  await writeFile(process, '1\n')
  await world.start()
  assert.deepEqual(readdirSync(gone.folder), ['pod-1'])
  assert.equal(world.notes().includes(gone.name), true)
  await rm(process)
  await world.start()
  assert.equal(existsSync(gone.folder), false)
  assert.deepEqual(world.notes(), [world.own])
})

test('a note that is cut, or names another folder than its own, leads to nothing', async () => {
  await using world = await openWorld()
  const gone = await world.node('gone', { hasRootDir: false })
  await gone.group('c1')
  const [notePath, text] = [join(world.notesDir, gone.name), '{"rootDir":']
  await writeFile(notePath, text)
  await writeFile(join(world.notesDir, 'other'), await world.noteOf('gone'))
  await world.start()
  assert.equal(existsSync(join(gone.folder, 'c1')), true)
})

async function openWorld() {
  const dir = await mkdtemp(join(tmpdir(), 'vk-forsaken-'))
  const [mount, notesDir] = [join(dir, 'mount'), join(dir, 'notes')]
  const rootDirOf = (name: string): string => join(dir, 'roots', name)
  const place = { cgroupRoot, rootDir: rootDirOf('own') }
  const noteOf = async (name: string, isAlive = false): Promise<string> => {
    const startTime = isAlive ? (await observeProcess(process.pid))?.startTime : '1'
    const owner = { pid: process.pid, startTime, bootId: readBootId() }
    return JSON.stringify({ cgroupRoot, rootDir: rootDirOf(name), ...owner })
  }
  await mkdir(place.rootDir, { recursive: true })
  await mkdir(notesDir)
  return {
    mount,
    notesDir,
    noteOf,
    own: nodeFolder(place.rootDir),
    notes: () => readdirSync(notesDir).toSorted(),
    start: async (): Promise<void> => {
      const open = (folder: string) => new CgroupsV2(mount, folder)
      await sweepForsakenGroups(place, { notesDir, open })
    },
    /** A node that has started here some time. */
    node: async (
      name: string,
      is: { readonly hasRootDir: boolean; readonly isAlive?: boolean },
    ) => {
      const folderName = nodeFolder(rootDirOf(name))
      const folder = join(mount, cgroupRoot, folderName)
      if (is.hasRootDir) await mkdir(rootDirOf(name), { recursive: true })
      await mkdir(folder, { recursive: true })
      await writeFile(join(notesDir, folderName), await noteOf(name, is.isAlive))
      const group = async (path: string): Promise<void> =>
        void (await mkdir(join(folder, path), { recursive: true }))
      return { name: folderName, folder, group }
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}
