// SPDX-License-Identifier: Apache-2.0
// Completion for zsh, by its own _arguments.
import type { CommandModel, FlagModel, ValueKind } from './command-model.ts'

/** The script; it can be sourced, or lie in $fpath. */
export function zshScript(program: string, commands: readonly CommandModel[]): string {
  const functionName = `_${program.replaceAll('-', '_')}`
  const described = commands.map(({ name, help }) => `    ${quoted(`${name}:${help}`)}`)
  return `#compdef ${program}
${functionName}() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(commandCase).join('\n')}
  esac
}
if [ "$funcstack[1]" = "${functionName}" ]; then
  ${functionName} "$@"
else
  compdef ${functionName} ${program}
fi
`
}

function commandCase({ name, flags, argument }: CommandModel): string {
  const specs = [...flags.map(flagSpec), argumentSpec(argument)]
  return `    ${name}) _arguments -S ${specs.join(' ')} ;;`
}

function flagSpec({ names, help, value }: FlagModel): string {
  const text = `[${help.replaceAll(/[[\]\\:]/g, '\\$&')}]${action(value)}`
  if (names.length === 1) return quoted(`${names[0]}${text}`)
  return `'(${names.join(' ')})'{${names.join(',')}}${quoted(text)}`
}

function argumentSpec(value: ValueKind): string {
  const text = action(value)
  return quoted(`*${text === '' ? ':argument: ' : text}`)
}

function action(value: ValueKind): string {
  switch (value.type) {
    case 'choices':
      return `:value:(${value.choices.join(' ')})`
    case 'file':
      return ':file:_files'
    case 'folder':
      return ':folder:_files -/'
    case 'text':
      return ':value: '
    default:
      return ''
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
