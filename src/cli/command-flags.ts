// SPDX-License-Identifier: Apache-2.0
// The flags that several commands share, so that they are named and read alike everywhere.
import { Option } from 'commander'
import { logLevels } from '../observe/pino-logger.ts'
import { UserError } from '../util/vk-error.ts'
import { defaultDataDirText } from './data-dir.ts'
import { asNumber, asSeconds } from './flag-spec.ts'

/** What one process is built to stand for. */
const maxNodes = 10_000

/** Reads `30s`, `5m`, `1h30m` or plain seconds. */
export function duration(flags: string, help: string): Option {
  return new Option(flags, help).argParser((text) => named(flags, () => asSeconds(text)))
}

/** Reads a whole number that is at least `least` and at most `most`. */
export function wholeNumber(
  flags: string,
  options: { readonly help: string; readonly least: number; readonly most?: number },
): Option {
  return new Option(flags, options.help).argParser((text) =>
    named(flags, () => {
      const number = asNumber(text)
      if (number < options.least) throw new UserError(`it must be at least ${options.least}`)
      const { most = Number.MAX_SAFE_INTEGER } = options
      if (number > most) throw new UserError(`it must be at most ${most}`)
      return number
    }),
  )
}

export function dataDirFlag(): Option {
  return new Option(
    '--data-dir <dir>',
    `folder of the local cluster (default: ${defaultDataDirText})`,
  )
}

export function kubeconfigFlag(help: string): Option {
  return new Option('--kubeconfig <file>', help)
}

export function contextFlag(): Option {
  return new Option('--context <name>', 'context of the kubeconfig (default: its current one)')
}

export function namespaceFlag(): Option {
  return new Option('-n, --namespace <name>', "namespace (default: the kubeconfig's, else default)")
}

export function outputFlag(help: string): Option {
  return new Option('-o, --output <format>', help).choices(['text', 'json']).default('text')
}

export function providerConfigFlag(): Option {
  return new Option('--provider-config <file>', "the provider's own configuration, YAML or JSON")
}

export function nodesFlag(): Option {
  return wholeNumber('--nodes <n>', { help: 'how many nodes', least: 1, most: maxNodes }).default(1)
}

export function taintFlag(): Option {
  const help = "set the provider's taint, so that only pods that tolerate it land here"
  return new Option('--taint', help).default(false)
}

export function logLevelFlag(): Option {
  const help = 'what the nodes and the control plane log on standard error'
  return new Option('--log-level <level>', help).choices([...logLevels]).default('error')
}

function named<T>(flags: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const [name = flags] = flags.split(' <', 1)
    throw new UserError(
      `Cannot use ${name}: ${error.message}`,
      error.hint ? { hint: error.hint } : {},
    )
  }
}
