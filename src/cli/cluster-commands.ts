// SPDX-License-Identifier: Apache-2.0
// The commands for people: a cluster on this machine (`up`, `down`, `status`), work on it (`run`), and a
// look inside (`kubectl`, `logs`, `exec`). Flags and help are here, what they do is in a file of each name.
import { CommanderError, Option } from 'commander'
import type { Command } from 'commander'
import {
  contextFlag,
  duration,
  kubeconfigFlag,
  logLevelFlag,
  namespaceFlag,
  nodesFlag,
  outputFlag,
  providerConfigFlag,
  taintFlag,
} from './command-flags.ts'
import type { RunFlags } from './run.ts'

/** Adds them all to the program. */
export function addClusterCommands(program: Command): void {
  addRun(program)
}

/** Ends the command with a code other than 0, when everything there is to say has been said. */
function exitWith(code: number): void {
  if (code !== 0) throw new CommanderError(code, 'exit', '')
}

function addRun(program: Command): void {
  program
    .command('run <manifests...>')
    .summary('run the pods of manifests to their end, with progress and logs')
    .description(
      'Brings up a cluster for this run alone, applies the manifests (files, folders, - for standard ' +
        'input), shows progress and logs until all Jobs and pods have ended, and takes everything down ' +
        'again. Exits with 0 when all succeeded, 1 when something failed, 2 for a mistake in flags or ' +
        'manifests, 130 after Ctrl-C, which ends the pods with their grace.',
    )
    .addOption(
      new Option(
        '--provider <name>',
        'what runs the pods (default: process; with --kubeconfig none)',
      ),
    )
    .addOption(providerConfigFlag())
    .addOption(
      kubeconfigFlag(
        'use this cluster instead; with --provider, a node joins it for the time of the run',
      ),
    )
    .addOption(contextFlag())
    .addOption(namespaceFlag())
    .addOption(nodesFlag())
    .addOption(taintFlag())
    .addOption(
      new Option('--keep', 'leave what was created in the cluster of --kubeconfig').default(false),
    )
    .addOption(duration('--timeout <duration>', 'fail when it is not over by then'))
    .addOption(
      outputFlag('text, or json: one document on standard output, all else on standard error'),
    )
    .addOption(logLevelFlag())
    .addHelpText(
      'after',
      `
Examples:
  virtual-kubelet run examples/fan-out.yaml
  virtual-kubelet run job.yaml config/ --timeout 10m
  generate-job | virtual-kubelet run - -o json | jq '.pods[].exitCode'
  virtual-kubelet run job.yaml --kubeconfig ~/.kube/config --provider process`,
    )
    .action(async (paths: string[], flags: RunFlags & { readonly timeout?: number }) => {
      const { run } = await import('./run.ts')
      const { timeout, ...rest } = flags
      exitWith(
        await run(paths, { ...rest, ...(timeout !== undefined && { timeoutSeconds: timeout }) }),
      )
    })
}
