// SPDX-License-Identifier: Apache-2.0
// Executes a tutorial: its `sh` blocks in one shell, one after the other, each held against the `text`
// block behind it. In that, `…` stands for anything, and runs of spaces are one.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** Commands, and lines that their output has to hold in this order. */
export interface TutorialStep {
  readonly commands: string
  readonly expected: readonly string[]
}

/** The steps of a page. */
export function tutorialSteps(markdown: string): readonly TutorialStep[] {
  const steps: TutorialStep[] = []
  for (const [, language = '', text = ''] of markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (language === 'sh') steps.push({ commands: text, expected: [] })
    const last = steps.at(-1)
    if (language !== 'text' || !last) continue
    steps[steps.length - 1] = { ...last, expected: text.trimEnd().split('\n') }
  }
  return steps
}

/** Runs the page `docs/tutorials/NAME.md`; `folders` come first on the PATH. */
export async function runTutorial(name: string, folders: readonly string[] = []): Promise<void> {
  const steps = tutorialSteps(readFileSync(join(root, `docs/tutorials/${name}.md`), 'utf8'))
  assert.ok(steps.length > 0, `${name}.md has no commands`)
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-tutorial-'))
  chmodSync(dir.path, 0o711)
  writeFileSync(join(dir.path, 'virtual-kubelet'), launcher(), { mode: 0o755 })
  const path = [dir.path, ...folders, dirname(process.execPath), process.env['PATH']].join(':')
  const env = { PATH: path, HOME: dir.path, VK_DATA_DIR: join(dir.path, 'data') }
  const output = await runShell(scriptOf(steps), env)
  for (const [index, { commands, expected }] of steps.entries()) {
    const own = between(output, marker(index), marker(index + 1))
    compare(own, { expected, commands, output })
  }
}

function launcher(): string {
  return `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'src/cli/main.ts')}' "$@"\n`
}

/** Whatever goes wrong, the cluster ends; a shell with jobs of its own hands on no signal. */
function scriptOf(steps: readonly TutorialStep[]): string {
  const cleanUp = "trap 'kill $(jobs -p) || :; virtual-kubelet down' EXIT"
  const blocks = steps.map(({ commands }, index) => `echo '${marker(index)}'\n${commands}`)
  return ['set -e', cleanUp, ...blocks, `echo '${marker(steps.length)}'`].join('\n')
}

const marker = (index: number): string => `--- step ${index} ---`

async function runShell(script: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const child = execFile(
    'bash',
    ['-c', `exec 2>&1\n${script}`],
    { cwd: root, env },
    (_error, stdout) => {
      resolve(stdout)
    },
  )
  child.stdin?.end()
  return await promise
}

function between(output: string, start: string, end: string): string {
  const from = output.indexOf(start)
  const to = output.indexOf(end)
  assert.ok(from >= 0 && to >= 0, `the tutorial stopped before "${end}":\n${output}`)
  return output.slice(from + start.length, to)
}

function compare(
  own: string,
  step: {
    readonly expected: readonly string[]
    readonly commands: string
    readonly output: string
  },
): void {
  const lines = own.split('\n').map(squeezed)
  let from = 0
  for (const line of step.expected) {
    const pattern = patternOf(line)
    const found = lines.findIndex((candidate, index) => index >= from && pattern.test(candidate))
    assert.ok(found >= 0, `no line "${line}" after\n${step.commands}\nin\n${own}`)
    from = found + 1
  }
}

function patternOf(line: string): RegExp {
  const parts = squeezed(line).split(/ ?… ?/)
  return new RegExp(`^${parts.map(literal).join('.*')}$`)
}

function squeezed(line: string): string {
  return line.trim().replaceAll(/\s+/g, ' ')
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
