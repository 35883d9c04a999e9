// SPDX-License-Identifier: Apache-2.0
// Puts the settings together. The more specific wins: a node's entry in the file, then a flag, then an
// environment variable, then the file's top level, then the default.
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { UserError } from '../util/vk-error.ts'
import { readConfigFile, readYamlFile } from './config-file.ts'
import { flagOf, settingsOfFlags } from './flags.ts'
import { checkProviderName } from './provider-modules.ts'
import { checkResourceSettings } from './resource-settings.ts'
import { nodeKeys, nodeSchema, processKeys, processSchema } from './settings.ts'
import type { NodeSettings, Settings } from './settings.ts'

type Raw = Readonly<Record<string, unknown>>
type Env = Readonly<Record<string, string | undefined>>

/** All settings of the process; throws UserError for anything wrong. */
export function loadSettings(flags: Raw, env: Env): Settings {
  const given = settingsOfFlags(flags, env)
  const file = typeof flags['config'] === 'string' ? readConfigFile(flags['config']) : undefined
  if (file && file.nodes.length > 0 && flags['nodename'] !== undefined) {
    throw new UserError(`Cannot use --nodename: "${file.path}" names the nodes itself`)
  }
  const merged = { ...file?.settings, ...given }
  const common = parse(processSchema, pick(merged, processKeys))
  const nodeDefaults = pick(merged, nodeKeys)
  const entries = file?.nodes.length ? file.nodes : [{ name: given['name'] ?? 'virtual-kubelet' }]
  const nodes = entries.map((entry) => completeNode({ ...nodeDefaults, ...entry }))
  refuseDuplicates(nodes)
  if (
    common.bootstrapKubeconfig !== undefined &&
    common.kubeconfig !== undefined &&
    nodes.length > 1
  ) {
    throw new UserError('Cannot use --kubeconfig with --bootstrap-kubeconfig for several nodes', {
      hint: 'Leave --kubeconfig out: each node then keeps its own below --root-dir.',
    })
  }
  return { ...common, rootDir: resolve(common.rootDir ?? defaultRootDir(env)), nodes }
}

/** Settings of one node, complete; throws UserError for anything wrong. */
export function completeNode(raw: Raw): NodeSettings & { readonly provider: string } {
  const node = parse(nodeSchema, raw)
  const { provider } = node
  if (provider === undefined) {
    throw new UserError(`Cannot start node "${node.name}": no provider is named`, {
      hint: 'Give --provider, for example --provider process; `virtual-kubelet providers` lists them.',
    })
  }
  checkProviderName(provider)
  if ((node.tlsCertFile === undefined) !== (node.tlsPrivateKeyFile === undefined)) {
    throw new UserError(
      'Cannot use one of --tls-cert-file and --tls-private-key-file without the other',
    )
  }
  if (node.tlsCertFile !== undefined && node.serverTLSBootstrap) {
    throw new UserError('Cannot use --rotate-server-certificates: --tls-cert-file is given', {
      hint: 'Leave out one of them; given files are read again when they change.',
    })
  }
  checkResourceSettings(node)
  if (node.providerConfig !== undefined || node.providerConfigFile === undefined) {
    return { ...node, provider }
  }
  const providerConfig = readYamlFile(node.providerConfigFile) ?? {}
  if (typeof providerConfig !== 'object' || Array.isArray(providerConfig)) {
    throw new UserError(
      `Cannot use "${node.providerConfigFile}": it must hold a mapping of settings`,
    )
  }
  return { ...node, provider, providerConfig: providerConfig as Record<string, unknown> }
}

function refuseDuplicates(nodes: readonly NodeSettings[]): void {
  const names = new Set<string>()
  const ports = new Map<string, string>()
  for (const { name, kubeletPort, address } of nodes) {
    if (names.has(name)) throw new UserError(`Cannot start two nodes of the name "${name}"`)
    names.add(name)
    const endpoint = `${address}:${kubeletPort}`
    const other = ports.get(endpoint)
    if (kubeletPort !== 0 && other !== undefined) {
      throw new UserError(
        `Cannot start nodes "${other}" and "${name}": both serve the kubelet API on ${endpoint}`,
        {
          hint: 'Give each its own kubeletPort, or 0 for a free one.',
        },
      )
    }
    ports.set(endpoint, name)
  }
}

/** Where state lies when --root-dir is not given. */
function defaultRootDir(env: Env): string {
  if (process.getuid?.() === 0) return '/var/lib/virtual-kubelet'
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'virtual-kubelet')
}

function parse<T>(schema: v.GenericSchema<unknown, T>, raw: Raw): T {
  const result = v.safeParse(schema, raw)
  if (result.success) return result.output
  const [issue] = result.issues
  const key = v.getDotPath(issue)?.split('.', 1)[0] ?? ''
  const name = flagOf(key) ?? `"${key}"`
  const why = issue.message.startsWith('Invalid')
    ? `it must be ${String(issue.expected).replaceAll(/[()]/g, '').replaceAll(' | ', ' or ')}`
    : `it ${issue.message}`
  throw new UserError(`Cannot use ${name}: ${why} (${issue.received})`)
}

function pick(raw: Raw, keys: readonly string[]): Raw {
  return Object.fromEntries(Object.entries(raw).filter(([key]) => keys.includes(key)))
}
