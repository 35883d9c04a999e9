// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { lockDir, lockHolder } from './dir-lock.ts'
import { UserError } from './vk-error.ts'

async function makeFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'vk-lock-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function writeStat(procDir: string, pid: number, startTicks: number): Promise<void> {
  const fields = ['S', ...Array.from({ length: 18 }, () => '0'), `${startTicks}`, '0']
  await mkdir(join(procDir, `${pid}`), { recursive: true })
  await writeFile(join(procDir, `${pid}`, 'stat'), `${pid} (a) b) ${fields.join(' ')}\n`)
}

async function writeBoot(procDir: string, bootId: string): Promise<void> {
  await mkdir(join(procDir, 'sys/kernel/random'), { recursive: true })
  await writeFile(join(procDir, 'sys/kernel/random/boot_id'), `${bootId}\n`)
}

/** A process that takes the lock, says so (or why not) on its output, and stays. */
function spawnHolder(dir: string) {
  const module = JSON.stringify(join(import.meta.dirname, 'dir-lock.ts'))
  const code = `
    const { lockDir } = await import(${module})
    await lockDir(${JSON.stringify(dir)}).then(() => console.log('locked'), (e) => console.log('refused', e.message))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const answer = once(child.stdout, 'data').then(([bytes]) => String(bytes).trim())
  const kill = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { child, answer, kill }
}

test('tells who holds a directory, without touching it', async () => {
  await using folder = await makeFolder()
  assert.equal(await lockHolder(join(folder.path, 'none')), undefined)
  const { answer, child, kill } = spawnHolder(folder.path)
  assert.equal(await answer, 'locked')
  assert.equal(await lockHolder(folder.path), child.pid)
  await kill()
  assert.equal(await lockHolder(folder.path), undefined)
})

test('refuses a second holder and names the first', async () => {
  await using folder = await makeFolder()
  const before = new Date().toISOString()
  const lock = await lockDir(folder.path)
  await assert.rejects(lockDir(folder.path), (error) => {
    assert.ok(error instanceof UserError)
    const [, pid, since = ''] = /process (\d+) holds it \(since (\S+)\)/.exec(error.message) ?? []
    assert.equal(pid, `${process.pid}`)
    assert.ok(since >= before)
    return true
  })
  await lock[Symbol.asyncDispose]()
  await using again = await lockDir(folder.path)
  assert.deepEqual(await readdir(join(folder.path, '.lock')), [again.path.split('/').at(-1)])
})

test('takes over what kill -9 left behind', async () => {
  await using folder = await makeFolder()
  const holder = spawnHolder(folder.path)
  assert.equal(await holder.answer, 'locked')
  await assert.rejects(lockDir(folder.path), new RegExp(`process ${holder.child.pid} holds it`))
  await holder.kill()
  await using _lock = await lockDir(folder.path)
})

test('lets exactly one of several processes that start at once have it', async () => {
  await using folder = await makeFolder()
  const holders = Array.from({ length: 4 }, () => spawnHolder(folder.path))
  const answers = await Promise.all(holders.map((holder) => holder.answer))
  await Promise.all(holders.map((holder) => holder.kill()))
  assert.equal(answers.filter((answer) => answer === 'locked').length, 1, answers.join('\n'))
})

test('never lets two of many tries in one process have it', async () => {
  await using folder = await makeFolder()
  for (let round = 0; round < 5; round++) {
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockDir(folder.path)))
    const locks = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    assert.ok(locks.length <= 1)
    for (const lock of locks) await lock[Symbol.asyncDispose]()
  }
})

test('takes over when the pid now belongs to another process', async () => {
  await using folder = await makeFolder()
  const procDir = join(folder.path, 'proc')
  await writeBoot(procDir, 'boot-1')
  await writeStat(procDir, 100, 5000)
  await writeStat(procDir, 200, 7000)
  await lockDir(folder.path, { procDir, pid: 100 })
  await assert.rejects(lockDir(folder.path, { procDir, pid: 200 }), /process 100 holds it/)
  await writeStat(procDir, 100, 6000)
  await lockDir(folder.path, { procDir, pid: 200 })
})

test('takes over after the machine was started again', async () => {
  await using folder = await makeFolder()
  const procDir = join(folder.path, 'proc')
  await writeBoot(procDir, 'boot-1')
  await writeStat(procDir, 100, 5000)
  await lockDir(folder.path, { procDir, pid: 100 })
  await writeBoot(procDir, 'boot-2')
  await lockDir(folder.path, { procDir, pid: 100 })
})

test('leaves files alone that are not its own', async () => {
  await using folder = await makeFolder()
  await mkdir(join(folder.path, '.lock'))
  await writeFile(join(folder.path, '.lock', 'README'), '')
  await using _lock = await lockDir(folder.path)
  assert.ok((await readdir(join(folder.path, '.lock'))).includes('README'))
})

test('a disk that takes no more is said with the directory, and leaves no flag', async () => {
  await using dir = await makeFolder()
  const module = JSON.stringify(join(import.meta.dirname, 'dir-lock.ts'))
  const script = `const { lockDir } = await import(${module})
    await lockDir(process.argv[1]).catch((error) => console.log(error.name, error.message))`
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -f 0; exec "$@"', '', process.execPath, '-e', script, dir.path],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  assert.equal(said, `UserError Cannot use the directory "${dir.path}": EFBIG\n`)
  assert.deepEqual(await readdir(join(dir.path, '.lock')), [])
})
