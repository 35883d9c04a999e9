// SPDX-License-Identifier: Apache-2.0
// The commands and their flags, and the one place where an error becomes a line for a person and an
// exit code: 2 for a mistake of the user's, 1 for whatever else fails.
import { Command, CommanderError, Option } from 'commander'
import { addClusterCommands } from './cluster-commands.ts'
import { providerConfigFlag } from './command-flags.ts'
import { failureReport } from './failure-report.ts'
import { helpOf, startFlags } from './flags.ts'
import { inOwnWords } from './own-words.ts'
import { versionLine } from './version.ts'

/** Runs the command line and resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...args], { from: 'user' })
    return 0
  } catch (error) {
    return exitCodeOf(error)
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) {
    // commander has printed its own line by now, and gives 1 for what is the user's mistake.
    return error.code.startsWith('commander.') && error.exitCode !== 0 ? 2 : error.exitCode
  }
  const { exitCode, text } = failureReport(error)
  process.stderr.write(inOwnWords(text))
  return exitCode
}

/** The command tree; also read by the generator of docs/reference. */
export function createProgram(): Command {
  const program = new Command('virtual-kubelet')
    .description('A Kubernetes node anywhere: registers itself and runs its pods on a provider.')
    .version(versionLine, '--version', 'print the versions')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => process.stdout.write(inOwnWords(text)),
      writeErr: (text) => process.stderr.write(inOwnWords(text)),
    })
    .enablePositionalOptions()
    .showHelpAfterError('(virtual-kubelet help COMMAND explains the flags)')
  addClusterCommands(program)
  addStart(program)
  addProviders(program)
  addExplain(program)
  addVersion(program)
  return program
}

function addStart(program: Command): void {
  const start = program
    .command('start')
    .description('register the node and run its pods until told to stop')
    .addOption(new Option('--config <file>', 'settings in YAML; may name several nodes'))
  for (const spec of startFlags) start.addOption(new Option(spec.flags, helpOf(spec)))
  start.action(async (given: Readonly<Record<string, unknown>>) => {
    const { loadSettings } = await import('./load-settings.ts')
    // Before the rest is loaded, which is most of what a start does: a mistake is said at once.
    const settings = loadSettings(given, process.env)
    const { start: startProcess } = await import('./start.ts')
    await startProcess(settings)
  })
}

function addProviders(program: Command): void {
  program
    .command('providers [name]')
    .description('list the providers, or what one of them can do')
    .action(async (name: string | undefined) => {
      const { printProviders } = await import('./providers.ts')
      await printProviders(name, process.stdout)
    })
}

function addExplain(program: Command): void {
  program
    .command('explain <manifests...>')
    .summary('say what a provider would do with the pods of manifests')
    .description(
      'Says what the API server and a provider would refuse in manifests (files, folders, - for standard input), ' +
        'without a cluster. Exits with 0 when all pods would run as written, with 1 when something would be refused.',
    )
    .addOption(new Option('--provider <name>', 'the provider to ask').default('process'))
    .addOption(providerConfigFlag())
    .addHelpText(
      'after',
      `
Examples:
  virtual-kubelet explain pod.yaml
  virtual-kubelet explain job.yaml config/ --provider docker
  helm template chart | virtual-kubelet explain -`,
    )
    .action(async (paths: string[], options: { provider: string; providerConfig?: string }) => {
      const { explain } = await import('./explain.ts')
      const isSupported = await explain(paths, options, process.stdout)
      if (!isSupported) throw new CommanderError(1, 'explain.unsupported', '')
    })
}

function addVersion(program: Command): void {
  program
    .command('version')
    .description('print the versions')
    .action(() => {
      process.stdout.write(`${versionLine}\n`)
    })
}
