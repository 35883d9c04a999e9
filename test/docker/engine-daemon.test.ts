// SPDX-License-Identifier: Apache-2.0
//
// An engine of a test or bench goes with the process that started it, however that ends.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { engineObstacle, type EngineKind } from './engine-daemon.ts'
import { ENGINES_VARIABLE } from './use-engine.ts'

const here = import.meta.dirname
const sleep = ['sleep', '4711']

/** Opens an engine, runs a container, says where, and then does nothing more. */
const program = (kind: EngineKind, then = ''): string => `
import { EngineDaemon } from ${JSON.stringify(join(here, 'engine-daemon.ts'))}
import { busyboxArchive, testImage } from ${JSON.stringify(join(here, 'test-image.ts'))}
const daemon = await EngineDaemon.open('${kind}')
const { folder, api } = daemon
await api.load(busyboxArchive().bytes)
const body = { Image: testImage, Entrypoint: ${JSON.stringify(sleep)} }
const { Id } = await api.call('POST', '/containers/create', body)
await api.call('POST', '/containers/' + Id + '/start')
const { State } = await api.call('GET', '/containers/' + Id + '/json')
${then}
console.log(JSON.stringify({ folder, pid: State.Pid }))
setInterval(() => {}, 60_000)
`

function namesOf(folder: string): readonly string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return command.includes(`${folder}/`) ? [command] : []
    } catch {
      // It has just ended.
      return []
    }
  })
}

/** Ends the program by a signal when its container runs: nothing must be left. */
async function check(text: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const said = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { folder, pid } = JSON.parse((await said.next()).value ?? '{}')
  // For a moment it is still what starts it.
  while (readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== `${sleep.join('\0')}\0`) await delay(20)
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [143, null])
  assert.deepEqual(namesOf(folder), [])
  assert.equal(existsSync(`/proc/${pid}/root/`), false, 'the container is gone')
  assert.equal(existsSync(folder), false, 'its folder is gone')
}

for (const kind of (process.env[ENGINES_VARIABLE] ?? 'podman,docker').split(',') as EngineKind[]) {
  describe(`the end of a process with ${kind}`, { skip: engineObstacle(kind) ?? false }, () => {
    test('by a signal takes the engine and all that it runs along', () => check(program(kind)))

    test('takes along what an engine left that was killed', () =>
      check(program(kind, 'await daemon.kill()')))
  })
}
