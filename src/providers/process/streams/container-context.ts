// SPDX-License-Identifier: Apache-2.0
// What a command needs to know to run in a container as the container itself does: environment and
// directory. The wrapper still holds the nameless file that they came on, so a later life of
// virtual-kubelet finds them too, and they are never written anywhere else.
import { readFile, readlink, stat } from 'node:fs/promises'
import { VkError } from '../../../util/vk-error.ts'
import type { ContainerProcess } from '../container-process.ts'
import { textOffset } from '../isolation/calls/call-list.ts'

/** Where and with what variables a container was started. */
export interface ContainerContext {
  readonly workingDir: string
  readonly env: ReadonlyMap<string, string>
}

/** No launch has as much; root in a container can write to the file by way of bwrap's descriptor. */
const maxInputBytes = 16 * 1024 * 1024

/**
 * Reads it from the wrapper, or from the program itself where the wrapper is gone. Rejects with NotFound where
 * the container has just ended.
 */
export async function readContainerContext(container: ContainerProcess): Promise<ContainerContext> {
  const found = (await readFromWrapper(container)) ?? (await readFromProgram(container))
  if (found) return found
  await container.refresh()
  if (!container.isRunning) {
    const { name } = container.launch.record.key
    throw new VkError('NotFound', `container not found (${JSON.stringify(name)})`)
  }
  throw new VkError('Unavailable', 'the environment of the container cannot be read')
}

async function readFromWrapper(container: ContainerProcess): Promise<ContainerContext | undefined> {
  try {
    const path = `/proc/${container.wrapperPid}/fd/0`
    if ((await stat(path)).size > maxInputBytes) return undefined
    const file = await readFile(path)
    const text = file.toString('utf8', textOffset(file) ?? 0)
    return (await container.isWrapperAlive()) ? parseLaunchInput(text) : undefined
  } catch {
    // It ended, or there is no /proc here.
    return undefined
  }
}

async function readFromProgram(container: ContainerProcess): Promise<ContainerContext | undefined> {
  try {
    const pid = (await container.program())?.programPid
    const text = await readFile(`/proc/${pid}/environ`, 'utf8')
    if ((await container.program())?.programPid !== pid) return undefined
    const pairs = text.split('\0').filter((line) => line.includes('='))
    const env = new Map(pairs.map((line) => splitAt(line, line.indexOf('='))))
    const cwd = `/proc/${pid}/cwd`
    return { env, workingDir: container.isSandboxed ? await readlink(cwd) : cwd }
  } catch {
    return undefined
  }
}

/** One exported variable, as launcher.ts writes it. */
const exported = /export ([A-Za-z_][A-Za-z0-9_]*)=((?:'[^']*'|\\')+)\n/y
const changed =
  /^(?:trap '' PIPE\n[^']*)?cd -- ((?:'[^']*'|\\')+) \|\| exit 126\nunset PWD OLDPWD SHLVL _\n/

/** Reads back what a launch was given on descriptor 0: a shell's text, or JSON. */
export function parseLaunchInput(text: string): ContainerContext | undefined {
  if (text.startsWith('{')) {
    const { workingDir, env } = JSON.parse(text) as {
      readonly workingDir: string
      readonly env: Readonly<Record<string, string>>
    }
    return { workingDir, env: new Map(Object.entries(env)) }
  }
  const start = changed.exec(text)
  if (!start) return undefined
  const env = new Map<string, string>()
  exported.lastIndex = start[0].length
  for (let match = exported.exec(text); match; match = exported.exec(text)) {
    env.set(match[1] ?? '', unquote(match[2] ?? ''))
  }
  return { workingDir: unquote(start[1] ?? ''), env }
}

function unquote(word: string): string {
  return word.replaceAll(/'([^']*)'|\\'/g, (whole, inner?: string) => inner ?? whole.slice(1))
}

function splitAt(line: string, at: number): [string, string] {
  return [line.slice(0, at), line.slice(at + 1)]
}
