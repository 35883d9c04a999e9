// SPDX-License-Identifier: Apache-2.0
// The command tree as completion needs it: for each command its flags, and for each flag what may follow.
import type { Command, Option } from 'commander'

/** What may stand for a value. */
export type ValueKind =
  | { readonly type: 'none' }
  | { readonly type: 'choices'; readonly choices: readonly string[] }
  | { readonly type: 'file' }
  | { readonly type: 'folder' }
  | { readonly type: 'text' }

export interface FlagModel {
  /** `--output`, and `-o` where there is one. */
  readonly names: readonly string[]
  readonly help: string
  readonly value: ValueKind
}

export interface CommandModel {
  readonly name: string
  readonly help: string
  readonly flags: readonly FlagModel[]
  /** What its arguments are. */
  readonly argument: ValueKind
}

/** Commands whose arguments are files. */
const fileCommands = ['run', 'explain']

/** Every command of a program, in its order, `help` left out. */
export function commandModels(
  program: Command,
  providers: readonly string[],
): readonly CommandModel[] {
  return program.commands.map((command) => ({
    name: command.name(),
    help: command.summary() || command.description(),
    flags: [
      ...command.options.map((option) => flagModel(option, providers)),
      { names: ['--help', '-h'], help: 'display help for command', value: { type: 'none' } },
    ],
    argument: argumentOf(command, providers),
  }))
}

function flagModel(option: Option, providers: readonly string[]): FlagModel {
  const { long, short, description } = option
  const names = [long, short].filter((name) => name !== undefined)
  return { names, help: description, value: valueOf(option, providers) }
}

function valueOf(option: Option, providers: readonly string[]): ValueKind {
  const { long, flags, argChoices } = option
  if (argChoices) return { type: 'choices', choices: argChoices }
  if (long === '--provider') return { type: 'choices', choices: providers }
  if (/<file>/.test(flags)) return { type: 'file' }
  if (/<dir>/.test(flags)) return { type: 'folder' }
  return { type: /</.test(flags) ? 'text' : 'none' }
}

function argumentOf(command: Command, providers: readonly string[]): ValueKind {
  const [argument] = command.registeredArguments
  if (!argument) return { type: 'none' }
  if (argument.argChoices) return { type: 'choices', choices: argument.argChoices }
  if (command.name() === 'providers') return { type: 'choices', choices: providers }
  return { type: fileCommands.includes(command.name()) ? 'file' : 'text' }
}
