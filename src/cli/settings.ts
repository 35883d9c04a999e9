// SPDX-License-Identifier: Apache-2.0
// Every setting of `virtual-kubelet start`: its type, its default and what is accepted. Flags,
// environment and configuration file all end here, so that a value is judged by one rule wherever it
// comes from.
import * as v from 'valibot'
import { logFormats, logLevels } from '../observe/pino-logger.ts'
import type { LogFormat, LogLevel } from '../observe/pino-logger.ts'
import { resourceEntries, type ResourceSettings } from './resource-settings.ts'

const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))
const text = v.pipe(v.string(), v.minLength(1))
const count = v.pipe(
  v.number(),
  v.integer('must be a whole number'),
  v.minValue(1, 'must be at least 1'),
)
const nodeName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'must be a DNS name: lower case letters, digits, - and .',
  ),
  v.maxLength(253),
)
const noServers = v.literal('none')
const servers = v.array(v.pipe(v.string(), v.ip('must be an IP address')))
const dnsServers: v.GenericSchema<unknown, 'none' | readonly string[]> = v.lazy((given) =>
  given === 'none' ? noServers : servers,
)
const effects = ['NoSchedule', 'NoExecute', 'PreferNoSchedule'] as const

const taint = v.strictObject({
  key: text,
  value: v.optional(v.string(), ''),
  effect: v.picklist(effects),
})

// Settings that one node has, in the configuration file's words.
const nodeEntries = {
  provider: v.optional(text),
  providerConfig: v.optional(v.record(v.string(), v.unknown())),
  providerConfigFile: v.optional(text),
  os: v.optional(v.picklist(['linux', 'windows']), 'linux'),
  nodeIPs: v.optional(v.array(v.pipe(v.string(), v.ip('must be an IP address')))),
  address: v.optional(v.pipe(v.string(), v.ip('must be an IP address')), '0.0.0.0'),
  kubeletPort: v.optional(port, 10_250),
  labels: v.optional(v.record(v.string(), v.string()), {}),
  disableTaint: v.optional(v.boolean(), false),
  taintKey: v.optional(text, 'virtual-kubelet.io/provider'),
  taintValue: v.optional(v.string()),
  taintEffect: v.optional(v.picklist(effects), 'NoSchedule'),
  registerWithTaints: v.optional(v.array(taint), []),
  maxPods: v.optional(count),
  ...resourceEntries,
  clusterDomain: v.optional(
    v.pipe(v.string(), v.regex(/^\S*$/, 'must not hold blanks')),
    'cluster.local',
  ),
  clusterDNS: v.optional(dnsServers, []),
  resolvConf: v.optional(v.string()),
  featureCheck: v.optional(v.picklist(['strict', 'lenient']), 'strict'),
  seccompDefault: v.optional(v.boolean(), false),
  podApiServer: v.optional(
    v.pipe(v.string(), v.regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be HOST:PORT')),
  ),
  podSyncWorkers: v.optional(count, 50),
  reconcileIntervalSeconds: v.optional(
    v.pipe(v.number(), v.minValue(1, 'must be at least one second')),
    60,
  ),
  clientCAFile: v.optional(text),
  tlsCertFile: v.optional(text),
  tlsPrivateKeyFile: v.optional(text),
  serverTLSBootstrap: v.optional(v.boolean(), false),
  anonymousAuth: v.optional(v.boolean(), false),
  authenticationTokenWebhook: v.optional(v.boolean(), true),
  authorizationMode: v.optional(v.picklist(['Webhook', 'AlwaysAllow']), 'Webhook'),
  enableDebuggingHandlers: v.optional(v.boolean(), true),
  enableSystemLogHandler: v.optional(v.boolean(), false),
  enableSystemLogQuery: v.optional(v.boolean(), false),
  systemLogDir: v.optional(text, '/var/log'),
}

// Settings of the whole process.
const processEntries = {
  kubeconfig: v.optional(text),
  context: v.optional(text),
  bootstrapKubeconfig: v.optional(text),
  rotateCertificates: v.optional(v.boolean(), true),
  rootDir: v.optional(text),
  logLevel: v.optional(v.picklist(logLevels), 'info'),
  logFormat: v.optional(v.picklist(logFormats), 'text'),
  metricsAddr: v.optional(
    v.pipe(v.string(), v.regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]*):\d{1,5}$/, 'must be [HOST]:PORT')),
  ),
  healthzPort: v.optional(port, 10_248),
  startupTimeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
  drainOnExit: v.optional(v.boolean(), false),
  deleteNodeOnExit: v.optional(v.boolean(), false),
}

/** One node's settings, complete. */
export interface NodeSettings extends ResourceSettings {
  readonly name: string
  /** Which folder of src/providers runs the pods. */
  readonly provider?: string | undefined
  /** The provider's own settings; it judges them itself. */
  readonly providerConfig?: Readonly<Record<string, unknown>> | undefined
  readonly providerConfigFile?: string | undefined
  readonly os: 'linux' | 'windows'
  /** Default: this machine's first address. */
  readonly nodeIPs?: readonly string[] | undefined
  readonly address: string
  readonly kubeletPort: number
  readonly labels: Readonly<Record<string, string>>
  readonly disableTaint: boolean
  readonly taintKey: string
  /** Default: the provider's name. */
  readonly taintValue?: string | undefined
  readonly taintEffect: TaintEffect
  readonly registerWithTaints: readonly TaintSetting[]
  readonly maxPods?: number | undefined
  /** Empty: the cluster has none. */
  readonly clusterDomain: string
  /** Addresses of the cluster's DNS service; `none` where it has none and nobody is to be told. */
  readonly clusterDNS: readonly string[] | 'none'
  /** Default: the machine's; empty: pods get nothing of it. */
  readonly resolvConf?: string | undefined
  readonly featureCheck: 'strict' | 'lenient'
  /** System calls of containers that name no seccomp profile are filtered as for RuntimeDefault. */
  readonly seccompDefault: boolean
  /** HOST:PORT of the API server as pods reach it. */
  readonly podApiServer?: string | undefined
  readonly podSyncWorkers: number
  readonly reconcileIntervalSeconds: number
  readonly clientCAFile?: string | undefined
  readonly tlsCertFile?: string | undefined
  readonly tlsPrivateKeyFile?: string | undefined
  /** Have the serving certificate signed by the cluster. */
  readonly serverTLSBootstrap: boolean
  readonly anonymousAuth: boolean
  readonly authenticationTokenWebhook: boolean
  readonly authorizationMode: 'Webhook' | 'AlwaysAllow'
  readonly enableDebuggingHandlers: boolean
  /** Serve the machine's log files. */
  readonly enableSystemLogHandler: boolean
  /** Answer queries for services' logs as well. */
  readonly enableSystemLogQuery: boolean
  readonly systemLogDir: string
}

export type TaintEffect = (typeof effects)[number]

export interface TaintSetting {
  readonly key: string
  readonly value: string
  readonly effect: TaintEffect
}

/** Settings of the process itself. */
export interface ProcessSettings {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  /** With it each node joins by itself, as `system:node:<name>`. */
  readonly bootstrapKubeconfig?: string | undefined
  /** Renew the client certificates that the nodes joined with. */
  readonly rotateCertificates: boolean
  readonly rootDir?: string | undefined
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  /** [HOST]:PORT of a listener for own metrics; undefined is off. */
  readonly metricsAddr?: string | undefined
  /** Port on 127.0.0.1; 0 is off. */
  readonly healthzPort: number
  /** 0 waits for ever. */
  readonly startupTimeoutSeconds: number
  readonly drainOnExit: boolean
  readonly deleteNodeOnExit: boolean
}

/** All settings of one process, complete. */
export interface Settings extends ProcessSettings {
  readonly rootDir: string
  readonly nodes: readonly (NodeSettings & { readonly provider: string })[]
}

export const nodeSchema: v.GenericSchema<unknown, NodeSettings> = v.strictObject({
  name: nodeName,
  ...nodeEntries,
})
export const processSchema: v.GenericSchema<unknown, ProcessSettings> =
  v.strictObject(processEntries)

/** The configuration file: process settings, defaults for all nodes, and the nodes. */
export const fileSchema: v.GenericSchema<unknown, unknown> = v.strictObject({
  apiVersion: v.optional(v.literal('virtual-kubelet.io/v1alpha1')),
  kind: v.optional(v.literal('Configuration')),
  ...v.partial(v.strictObject(processEntries)).entries,
  ...v.partial(v.strictObject(nodeEntries)).entries,
  nodes: v.optional(
    v.pipe(v.array(v.looseObject({})), v.minLength(1, 'must name at least one node')),
  ),
})

/** Names of the settings that a node has, besides its name. */
export const nodeKeys: readonly string[] = Object.keys(nodeEntries)
/** Names of the settings that the process has. */
export const processKeys: readonly string[] = Object.keys(processEntries)

/** Every setting that has a fixed default, with that default. */
export const settingDefaults: Readonly<Record<string, unknown>> = {
  ...v.parse(processSchema, {}),
  ...v.parse(nodeSchema, { name: 'virtual-kubelet' }),
}
