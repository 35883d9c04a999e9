// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkProgram, programOf } from './program.ts'

const host = { kind: 'host' } as const
const file = { kind: 'file', path: '/srv/backup' } as const
const directory = { kind: 'directory', path: '/srv' } as const
const user = { uid: 4711, gid: 4711, supplementalGroups: [4712] }

test('joins command and args, and lets the image stand in for a missing command', () => {
  const argv = (image: typeof host | typeof file, command: string[], args: string[]): unknown =>
    programOf({ name: 'c' }, image, { command, args }).argv
  assert.deepEqual(argv(host, ['a', 'b'], ['c']), ['a', 'b', 'c'])
  assert.deepEqual(argv(file, [], ['c']), ['/srv/backup', 'c'])
  assert.deepEqual(argv(file, ['a'], []), ['a'])
})

test('runs in workingDir, in the directory that the image is, else in /', () => {
  const dir = (image: typeof host | typeof directory, workingDir?: string): string =>
    programOf({ name: 'c', ...(workingDir && { workingDir }) }, image, { command: ['a'], args: [] })
      .workingDir
  assert.equal(dir(host), '/')
  assert.equal(dir(directory), '/srv')
  assert.equal(dir(directory, '/tmp'), '/tmp')
  assert.throws(() => dir(host, 'relative'), { podReason: 'CreateContainerConfigError' })
})

test('needs a command where the image is no program', () => {
  for (const image of [host, directory]) {
    assert.throws(() => programOf({ name: 'c' }, image, { command: [], args: [] }), {
      podReason: 'CreateContainerConfigError',
      message: /names no program, so a command is needed/,
    })
  }
})

test('takes arguments alone for the command, as images without an entry point do', () => {
  for (const image of [host, directory]) {
    const program = programOf({ name: 'c' }, image, { command: [], args: ['sleep', '1'] })
    assert.deepEqual(program.argv, ['sleep', '1'])
  }
})

test('says why a program cannot be started', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vk-program-'))
  await using _ = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) }
  await chmod(dir, 0o755)
  await writeFile(join(dir, 'plain'), '', { mode: 0o644 })
  await writeFile(join(dir, 'tool'), '', { mode: 0o755 })
  const check = (name: string, workingDir = dir): Promise<string> =>
    checkProgram({ argv: [name], workingDir }, { searchPath: `/nowhere:${dir}`, user })
  // By the names that a shell would run them by.
  assert.equal(await check('tool'), join(dir, 'tool'))
  for (const name of ['./tool', join(dir, 'tool')]) assert.equal(await check(name), name)
  const fails = async (name: string, message: RegExp): Promise<void> => {
    await assert.rejects(check(name), { podReason: 'RunContainerError', message })
  }
  await fails('plain', /"plain": permission denied/)
  await fails('./plain', /permission denied/)
  await fails('absent', /"absent": executable file not found in \$PATH/)
  await fails('./absent', /"\.\/absent": no such file/)
  await fails('', /the command is empty/)
  await fails(dir, /no such file/)
  await assert.rejects(check('tool', `${dir}/none`), { message: /no such directory/ })
})
