// SPDX-License-Identifier: Apache-2.0
// Completion for fish: one line for each thing that can be completed.
import type { CommandModel, FlagModel, ValueKind } from './command-model.ts'

/** The script. */
export function fishScript(program: string, commands: readonly CommandModel[]): string {
  const complete = `complete -c ${program}`
  const lines = commands.flatMap((command) => {
    const condition = `-n '__fish_seen_subcommand_from ${command.name}'`
    return [
      `${complete} -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.help)}`,
      `${complete} ${condition} ${argument(command.argument)}`,
      ...command.flags.map((flag) => `${complete} ${condition} ${flagWords(flag)}`),
    ]
  })
  return `# fish completion for ${program}\n${complete} -f\n${lines.join('\n')}\n`
}

function flagWords({ names, help, value }: FlagModel): string {
  const words = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  )
  const takes = value.type === 'none' ? '' : ` ${valueWords(value)}`
  return `${words.join(' ')}${takes} -d ${quoted(help)}`
}

function valueWords(value: ValueKind): string {
  switch (value.type) {
    case 'choices':
      return `-x -a ${quoted(value.choices.join(' '))}`
    case 'file':
      return '-r -F'
    case 'folder':
      return "-x -a '(__fish_complete_directories)'"
    case 'text':
      return '-x'
    default:
      return ''
  }
}

function argument(value: ValueKind): string {
  if (value.type === 'choices') return `-f -a ${quoted(value.choices.join(' '))}`
  return value.type === 'file' ? '-F' : '-f'
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`
}
