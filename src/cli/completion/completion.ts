// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet completion SHELL`: a script made from the command tree, so that it knows every flag
// that there is. It calls nothing when a key is pressed.
import type { Command } from 'commander'
import { providerNames } from '../provider-modules.ts'
import { bashScript } from './bash-script.ts'
import { commandModels } from './command-model.ts'
import { fishScript } from './fish-script.ts'
import { zshScript } from './zsh-script.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

const writers = { bash: bashScript, zsh: zshScript, fish: fishScript }

/** The script for a shell. */
export function completionScript(program: Command, shell: Shell): string {
  return writers[shell](program.name(), commandModels(program, providerNames))
}
