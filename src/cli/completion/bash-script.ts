// SPDX-License-Identifier: Apache-2.0
// Completion for bash, without bash-completion, from version 3.2 on.
import type { CommandModel, FlagModel, ValueKind } from './command-model.ts'

/** The script. */
export function bashScript(program: string, commands: readonly CommandModel[]): string {
  const functionName = `_${program.replaceAll('-', '_')}`
  const names = commands.map(({ name }) => name).join(' ')
  return `# bash completion for ${program}
${functionName}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names} help --help --version" -- "$current"))
    return
  fi
  case "$command" in
${commands.map(commandCase).join('\n')}
  esac
}
complete -o filenames -F ${functionName} ${program}
`
}

function commandCase({ name, flags, argument }: CommandModel): string {
  const words = flags.flatMap((flag) => flag.names).join(' ')
  const values = flags.filter(({ value }) => value.type !== 'none').map(valueCase)
  const lines = [
    `    ${name})`,
    '      case "$previous" in',
    ...values,
    '      esac',
    '      case "$current" in',
    `        -*) COMPREPLY=($(compgen -W "${words}" -- "$current")) ;;`,
    `        *) ${reply(argument)} ;;`,
    '      esac',
    '      ;;',
  ]
  // An empty case is a mistake in the oldest versions.
  return lines.filter((_, index) => values.length > 0 || (index !== 1 && index !== 2)).join('\n')
}

function valueCase({ names, value }: FlagModel): string {
  return `        ${names.join('|')}) ${reply(value)}; return ;;`
}

function reply(value: ValueKind): string {
  switch (value.type) {
    case 'choices':
      return `COMPREPLY=($(compgen -W "${value.choices.join(' ')}" -- "$current"))`
    case 'file':
      return 'COMPREPLY=($(compgen -f -- "$current"))'
    case 'folder':
      return 'COMPREPLY=($(compgen -d -- "$current"))'
    default:
      return 'COMPREPLY=()'
  }
}
