// SPDX-License-Identifier: Apache-2.0
// The scripts, the one for bash by bash itself: what a key press would offer.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createProgram } from '../program.ts'
import { providerNames } from '../provider-modules.ts'
import { completionScript } from './completion.ts'

function complete(...words: readonly string[]): readonly string[] {
  const script = completionScript(createProgram(), 'bash')
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const ask = `COMP_WORDS=(virtual-kubelet ${quoted}); COMP_CWORD=${words.length}; _virtual_kubelet; printf '%s\\n' "\${COMPREPLY[@]}"`
  const out = execFileSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8' })
  return out.trim().split('\n')
}

test('bash offers commands, flags of each, and the values of a flag', () => {
  assert.deepEqual(complete('sta'), ['status', 'start'])
  assert.deepEqual(complete('up', '--prov'), ['--provider', '--provider-config'])
  assert.deepEqual(complete('start', '--drain'), ['--drain-on-exit'])
  assert.deepEqual(complete('run', '--provider', ''), providerNames)
  assert.deepEqual(complete('status', '-o', 'j'), ['json'])
  assert.deepEqual(complete('completion', 'z'), ['zsh'])
})

test('bash offers files where a command takes files', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'vk-completion-'))
  const file = join(folder.path, 'job.yaml')
  writeFileSync(file, '')
  assert.deepEqual(complete('run', `${folder.path}/j`), [file])
  assert.deepEqual(complete('run', '--provider-config', `${folder.path}/j`), [file])
  assert.deepEqual(complete('down', '--data-dir', folder.path), [folder.path])
})

for (const shell of ['zsh', 'fish'] as const) {
  test(`the script for ${shell} knows every command and every flag`, () => {
    const program = createProgram()
    const script = completionScript(program, shell)
    for (const command of program.commands) {
      assert.match(script, new RegExp(`\\b${command.name()}\\b`))
      for (const { long } of command.options) {
        const name = shell === 'fish' ? `-l ${long?.slice(2)}` : `${long}`
        assert.ok(script.includes(name), `${command.name()} ${long}`)
      }
    }
  })
}
