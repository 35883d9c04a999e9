// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  createLaunch,
  dropLaunch,
  forbidStart,
  listLaunches,
  parseStarted,
  readNotes,
} from './exit-record.ts'
import type { LaunchRecord } from './exit-record.ts'

const record: LaunchRecord = {
  version: 1,
  id: 'abc',
  key: { pod: { namespace: 'n', name: 'p', uid: 'u' }, name: 'main', attempt: 2 },
  image: 'host',
  imageId: 'host',
  user: { uid: 1, gid: 2, supplementalGroups: [3] },
  bootId: 'boot',
}

test('a launch is found again as it was written', async () => {
  await using parent = await temporaryDir()
  const launch = await createLaunch(parent.path, record)
  assert.deepEqual(await listLaunches(parent.path), [launch])
  assert.deepEqual(readNotes(launch), {})
  await dropLaunch(launch.dir)
  await dropLaunch(launch.dir)
  assert.deepEqual(await listLaunches(parent.path), [])
})

test('half made and half dropped launches are cleared away', async () => {
  await using parent = await temporaryDir()
  await mkdir(join(parent.path, 'abc-1'))
  await writeFile(join(parent.path, 'abc-1', 'launch.json.tmp'), '{')
  await mkdir(join(parent.path, '.dropped-1'))
  await writeFile(join(parent.path, '.dropped-1', 'launch.json'), JSON.stringify(record))
  assert.deepEqual(await listLaunches(parent.path), [])
  assert.deepEqual(await readdir(parent.path), [])
})

test('a note counts only when it is whole', async () => {
  await using parent = await temporaryDir()
  const launch = await createLaunch(parent.path, record)
  for (const text of ['', '1', '12|5', '12|5|11|4', '12|5|11|4|.', '12|5|11|.\n']) {
    await writeFile(join(launch.dir, 'started'), text)
    await writeFile(join(launch.dir, 'exit'), text.slice(0, 2))
    assert.deepEqual(readNotes(launch), {}, text)
  }
  await writeFile(join(launch.dir, 'started'), '12|5|11|4|.\n')
  await writeFile(join(launch.dir, 'exit'), '137\n')
  const notes = readNotes(launch)
  assert.deepEqual(notes.started?.process, { pid: 12, startTime: '5', bootId: 'boot' })
  assert.deepEqual(notes.started?.wrapper, { pid: 11, startTime: '4', bootId: 'boot' })
  assert.equal(notes.exit?.code, 137)
})

test('either the stage starts or it is forbidden to, never both', async () => {
  await using parent = await temporaryDir()
  const early = await createLaunch(parent.path, record)
  assert.equal(await forbidStart(early), true)
  const late = await createLaunch(parent.path, record)
  await writeFile(join(late.dir, 'started'), '12|5|11|4|.\n', { flag: 'wx' })
  assert.equal(await forbidStart(late), false)
})

test('a note that was begun and stays empty stands in the way of nobody but its stage', async () => {
  await using parent = await temporaryDir()
  const launch = await createLaunch(parent.path, record)
  const note = join(launch.dir, 'started')
  await using stage = await open(note, 'wx')
  assert.equal(await forbidStart(launch), true)
  await stage.write('12|5|11|4|.\n')
  // What the stage looks at before it goes on.
  assert.equal(await readFile(note, 'utf8'), '')
  assert.deepEqual(readNotes(launch), {})
  assert.equal(await forbidStart(launch), true)
})

test('start times may be dates, as ps prints them', () => {
  const started = parseStarted('9|Mon Nov 23 17:00:00 2026  |8|Mon Nov 23 16:59:59 2026|.\n', '')
  assert.equal(started?.process.startTime, 'Mon Nov 23 17:00:00 2026')
})

async function temporaryDir(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'vk-records-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
