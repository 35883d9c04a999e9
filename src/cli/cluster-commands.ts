// SPDX-License-Identifier: Apache-2.0
// The commands for people: a cluster on this machine (`up`, `down`, `status`), work on it (`run`), and a
// look inside (`kubectl`, `logs`, `exec`). Flags and help are here, what they do is in a file of each name.
import { Argument, CommanderError, Option } from 'commander'
import type { Command } from 'commander'
import {
  contextFlag,
  dataDirFlag,
  duration,
  kubeconfigFlag,
  logLevelFlag,
  namespaceFlag,
  nodesFlag,
  outputFlag,
  providerConfigFlag,
  taintFlag,
  wholeNumber,
} from './command-flags.ts'
import type { Shell } from './completion/completion.ts'
import type { DownFlags } from './down.ts'
import type { ExecFlags } from './exec/exec.ts'
import type { LogsFlags } from './logs.ts'
import type { RunFlags } from './run.ts'
import type { StatusFlags } from './status.ts'
import type { UpFlags } from './up.ts'
import { UserError } from '../util/vk-error.ts'

/** Adds them all to the program. */
export function addClusterCommands(program: Command): void {
  addUp(program)
  addDown(program)
  addStatus(program)
  addRun(program)
  addKubectl(program)
  addLogs(program)
  addExec(program)
  addCompletion(program)
}

/** Ends the command with a code other than 0, when everything there is to say has been said. */
function exitWith(code: number): void {
  if (code !== 0) throw new CommanderError(code, 'exit', '')
}

function addUp(program: Command): void {
  program
    .command('up')
    .summary('start a cluster on this machine, and stay until Ctrl-C or `down`')
    .description(
      'Starts a control plane and its nodes in this process, writes a kubeconfig into the data directory, ' +
        'prints the line that makes kubectl use it, and stays. Where a cluster runs already, that one is ' +
        'named, or the flags refused that would make it another. What is created is kept: the next `up` has it again. Ctrl-C ends the pods with their grace.',
    )
    .addOption(new Option('--provider <name>', 'what runs the pods').default('process'))
    .addOption(providerConfigFlag())
    .addOption(dataDirFlag())
    .addOption(nodesFlag())
    .addOption(
      wholeNumber('--port <port>', {
        help: 'port of the API server; 0 picks a free one',
        least: 0,
        most: 65_535,
      }).default(0),
    )
    .addOption(taintFlag())
    .addOption(
      new Option('--detach', 'return when it is up, and let it run in the background').default(
        false,
      ),
    )
    .addOption(logLevelFlag())
    .addHelpText(
      'after',
      `
Examples:
  virtual-kubelet up
  virtual-kubelet up --provider mock --nodes 3
  eval "$(virtual-kubelet up --detach)" && kubectl get nodes`,
    )
    .action(async (flags: UpFlags, command: Command) => {
      const { up } = await import('./up.ts')
      const isGiven = (flag: string): boolean => command.getOptionValueSource(flag) === 'cli'
      exitWith(await up(flags, { args: process.argv.slice(2), isGiven }))
    })
}

function addDown(program: Command): void {
  program
    .command('down')
    .summary('end the cluster of this machine and its pods')
    .description(
      'Ends the cluster that `up` started, its pods with their grace. Bare pods have ended for good then ' +
        '(Failed, as their node was shut down); those of Jobs, Deployments and other controllers are made ' +
        'anew by the next `up`. What is stored stays in the data directory; delete that folder for a ' +
        'fresh start.',
    )
    .addOption(dataDirFlag())
    .addOption(duration('--timeout <duration>', 'how long it may take').default(90, '90s'))
    .addHelpText(
      'after',
      '\nExamples:\n  virtual-kubelet down\n  virtual-kubelet down --timeout 5m',
    )
    .action(async ({ timeout, ...flags }: DownFlags & { readonly timeout: number }) => {
      const { down } = await import('./down.ts')
      await down({ ...flags, timeoutSeconds: timeout })
    })
}

function addStatus(program: Command): void {
  program
    .command('status')
    .summary('say whether a cluster runs on this machine, and how its nodes are')
    .description('Exits with 0 when a cluster runs, with 1 when none does.')
    .addOption(dataDirFlag())
    .addOption(outputFlag('text or json'))
    .addHelpText(
      'after',
      '\nExamples:\n  virtual-kubelet status\n  virtual-kubelet status -o json | jq .server',
    )
    .action(async (flags: StatusFlags) => {
      const { status } = await import('./status.ts')
      exitWith(await status(flags))
    })
}

function addRun(program: Command): void {
  const command = program
    .command('run <manifests...>')
    .summary('run the pods of manifests to their end, with progress and logs')
    .description(
      'Brings up a cluster for this run alone, applies the manifests (files, folders, - for standard ' +
        'input), shows progress and logs until all Jobs and pods have ended, and takes everything down ' +
        'again. Exits with 0 when all succeeded, 1 when something failed, 2 for a mistake in flags or ' +
        'manifests, 130 after Ctrl-C, which ends the pods with their grace.',
    )
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
  addRunOptions(command)
}

function addRunOptions(command: Command): void {
  command
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
}

function addKubectl(program: Command): void {
  program
    .command('kubectl [arguments...]')
    .summary('run kubectl on the cluster of this machine')
    .description(
      'Runs the kubectl on the PATH, or that of $VK_KUBECTL, with the kubeconfig of the cluster that `up` ' +
        'runs. Arguments, terminal and exit code are passed on as they are.',
    )
    .addOption(dataDirFlag())
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Examples:
  virtual-kubelet kubectl get pods -o wide
  virtual-kubelet kubectl --data-dir /tmp/cluster apply -f job.yaml`,
    )
    .action(async (args: string[], { dataDir }: { readonly dataDir?: string }) => {
      const { kubectl } = await import('./kubectl.ts')
      exitWith(await kubectl(args, { env: process.env, ...(dataDir !== undefined && { dataDir }) }))
    })
}

function addLogs(program: Command): void {
  program
    .command('logs <pod>')
    .summary('print what a container of a pod wrote')
    .description('Prints the log of a container, for machines without kubectl.')
    .addOption(new Option('-f, --follow', 'go on until the container ends'))
    .addOption(new Option('-c, --container <name>', "which one (default: the pod's first)"))
    .addOption(new Option('-p, --previous', 'of the container before its last restart'))
    .addOption(new Option('--timestamps', 'put the time before each line'))
    .addOption(wholeNumber('--tail <lines>', { help: 'only the last lines', least: 0 }))
    .addOption(duration('--since <duration>', 'only what is not older'))
    .addOption(new Option('--since-time <time>', 'only what is not older; RFC 3339'))
    .addOption(namespaceFlag())
    .addOption(kubeconfigFlag(clusterHelp))
    .addOption(contextFlag())
    .addOption(dataDirFlag())
    .addHelpText(
      'after',
      `
Examples:
  virtual-kubelet logs -f build-0
  virtual-kubelet logs web -c proxy --tail 20 --since 5m`,
    )
    .action(async (pod: string, flags: LogsFlags) => {
      const { logs } = await import('./logs.ts')
      await logs(pod, flags)
    })
}

const clusterHelp =
  'how to reach the cluster (default: $KUBECONFIG, the cluster of `up`, then ~/.kube/config)'

function addExec(program: Command): void {
  program
    .command('exec <pod> <command...>')
    .showHelpAfterError('(put -- before the command: virtual-kubelet exec POD -- COMMAND)')
    .summary('run a command in a container of a pod')
    .description(
      'Runs a command beside the programs of a container, for machines without kubectl. Its exit code is ' +
        'that of the command.',
    )
    .addOption(new Option('-i, --stdin', 'pass standard input on'))
    .addOption(new Option('-t, --tty', 'give the command a terminal'))
    .addOption(new Option('-c, --container <name>', "which one (default: the pod's first)"))
    .addOption(namespaceFlag())
    .addOption(kubeconfigFlag(clusterHelp))
    .addOption(contextFlag())
    .addOption(dataDirFlag())
    .addHelpText(
      'after',
      `
Examples:
  virtual-kubelet exec web-0 -- ls -l /tmp
  virtual-kubelet exec -it web-0 -- sh`,
    )
    .action(async (pod: string, command: string[], flags: ExecFlags) => {
      refuseLateFlag(process.argv.slice(2), command)
      const { exec } = await import('./exec/exec.ts')
      exitWith(await exec(pod, { command, flags }))
    })
}

/** `exec web sh -c ls` would take `-c ls` for ours. */
function refuseLateFlag(args: readonly string[], [program = '']: readonly string[]): void {
  const isLate = args.slice(args.indexOf(program) + 1).some((arg) => arg.startsWith('-'))
  if (args.includes('--') || !isLate) return
  throw new UserError('Cannot tell whether the flags behind the command are its own or ours', {
    hint: 'Put -- before the command: virtual-kubelet exec POD -- COMMAND',
  })
}

function addCompletion(program: Command): void {
  program
    .command('completion')
    .summary('print a script that completes commands and flags in a shell')
    .description('Prints a script for the shell, to be evaluated when it starts.')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
Examples:
  source <(virtual-kubelet completion bash)             # in ~/.bashrc
  source <(virtual-kubelet completion zsh)              # in ~/.zshrc, after compinit
  virtual-kubelet completion fish > ~/.config/fish/completions/virtual-kubelet.fish`,
    )
    .action(async (shell: Shell) => {
      const { completionScript } = await import('./completion/completion.ts')
      process.stdout.write(completionScript(program, shell))
    })
}
