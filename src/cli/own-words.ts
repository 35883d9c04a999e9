// SPDX-License-Identifier: Apache-2.0
// Hints and help name the program `virtual-kubelet`, as it is called once installed. Whoever started it in
// another way, from a clone say, reads the words that start it for him, so that what he reads can be pasted.
import { delimiter, dirname, relative, sep } from 'node:path'
import { isPathWithin } from '../util/path-within.ts'
import { shellWord } from './shell-word.ts'

/** How this process was started. */
export interface Start {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The path that was run, as it was given. */
  readonly program: string
  /** The user's working directory. */
  readonly directory: string
}

// `completion` is left out: what it prints completes the installed command alone.
const commands =
  'start|up|down|status|run|kubectl|logs|exec|providers|explain|version|help|COMMAND|\\[options\\]'
const named = new RegExp(`(?<![\\w/.-])virtual-kubelet(?= (?:${commands})(?![\\w-]))`, 'g')

/** The text with the words that start this program wherever it names a command. */
export function inOwnWords(text: string, start: Start = thisStart()): string {
  const own = ownCommand(start)
  if (own === 'virtual-kubelet') return text
  const lines = text.split('\n')
  return lines.map((line) => line.replaceAll(named, forUse(own, line))).join('\n')
}

/** npm says what it runs, on the same output: where that goes to another program, it has to be silent. */
function forUse(own: string, line: string): string {
  return /\$\(| [|>] /.test(line) ? own.replace(/^npm /, 'npm -s ') : own
}

function thisStart(): Start {
  const [, program = ''] = process.argv
  return { env: process.env, program, directory: process.cwd() }
}

function ownCommand({ env, program, directory }: Start): string {
  if (program.endsWith('.ts')) {
    if (env['npm_lifecycle_event'] !== 'vk') return `node ${fromHere(program, directory)}`
    const { npm_config_local_prefix: clone = directory, INIT_CWD: here = directory } = env
    return isPathWithin(here, clone)
      ? 'npm run vk --'
      : `npm --prefix ${shellWord(clone)} run vk --`
  }
  if (env['npm_command'] === 'exec') return 'npx virtual-kubelet'
  const path = (env['PATH'] ?? '').split(delimiter)
  return path.includes(dirname(program)) ? 'virtual-kubelet' : fromHere(program, directory)
}

/** The path as a word for a shell, short where it lies in the working directory. */
function fromHere(path: string, directory: string): string {
  if (!isPathWithin(path, directory)) return shellWord(path)
  const inside = relative(directory, path)
  return shellWord(inside.includes(sep) ? inside : `.${sep}${inside}`)
}
