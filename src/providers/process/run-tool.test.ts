// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../../test/support/process-probes.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { findHostTools } from './host-tools.ts'
import { readProc } from './process-identity.ts'
import { toolRunner } from './run-tool.ts'
import { Spawner } from './spawner.ts'
import { findStrayDescriptors } from './stray-descriptors.ts'

const tools = findHostTools()
const late = { code: 'Timeout', message: /^\w+ has not ended within 30 s$/ }

for (const way of ['spawner', 'child of ours'] as const) {
  const skip =
    way === 'spawner' && (process.platform !== 'linux' || tools.env === undefined)
      ? 'no spawner on this machine'
      : false

  test(
    `a tool that hangs is given up and killed, and the next one runs: ${way}`,
    { skip },
    async () => {
      await using dir = await temporaryDir()
      const clock = new FakeClock()
      const surroundings = { tools, strayDescriptors: findStrayDescriptors() }
      using spawner =
        way === 'spawner' ? Spawner.open({ surroundings, clock, dir: '/test' }) : undefined
      const run = toolRunner({ spawner, clock })
      const note = join(dir.path, 'pid')
      const hung = run([tools.shell, '-c', `echo $$ >'${note}'; exec sleep 600`])
      hung.catch(() => {})
      await eventually(() => textOf(note).endsWith('\n'))
      const pid = Number(textOf(note))
      const behind = run(['/bin/true']).catch(() => 'lost')
      await clock.advance(30_000)
      await assert.rejects(hung, late)
      await behind
      await eventually(() => readProc(`${pid}/cmdline`) === '')
      await run(['/bin/true'])
      await assert.rejects(run(['/bin/false']))
    },
  )
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function temporaryDir(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'vk-tool-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
