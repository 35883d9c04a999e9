// SPDX-License-Identifier: Apache-2.0
// The flags of `virtual-kubelet start`, as a table: the setting each one fills, how its text is read,
// and the environment variable that stands in for it. Names are upstream's where upstream has the
// flag, else the kubelet's. docs/reference/flags.md is generated from this table.
import { UserError } from '../util/vk-error.ts'
import {
  asBoolean,
  asLabels,
  asList,
  asNumber,
  asSeconds,
  asTaints,
  asText,
  type FlagSpec,
} from './flag-spec.ts'
import { resourceFlags } from './resource-flags.ts'
import { settingDefaults } from './settings.ts'

/** Every flag of `start`. A boolean flag may be given without a value. */
export const startFlags: readonly FlagSpec[] = [
  {
    flags: '--nodename <name>',
    key: 'name',
    env: 'DEFAULT_NODE_NAME',
    read: asText,
    help: 'name of the Node (default: virtual-kubelet)',
  },
  {
    flags: '--provider <name>',
    key: 'provider',
    read: asText,
    help: 'what runs the pods; `virtual-kubelet providers` lists them',
  },
  {
    flags: '--provider-config <file>',
    key: 'providerConfigFile',
    read: asText,
    help: "the provider's own configuration, YAML or JSON",
  },
  {
    flags: '--kubeconfig <file>',
    key: 'kubeconfig',
    read: asText,
    help: 'how to reach the cluster (default: $KUBECONFIG, ~/.kube/config, then in-cluster)',
  },
  {
    flags: '--context <name>',
    key: 'context',
    read: asText,
    help: 'context of the kubeconfig (default: its current one)',
  },
  {
    flags: '--bootstrap-kubeconfig <file>',
    key: 'bootstrapKubeconfig',
    read: asText,
    help: "kubeconfig with a token to join with: each node asks for a client certificate of its own and keeps it below --root-dir; --kubeconfig then names the file that is used instead when it is good, and written when it is not (default of that: the node's own)",
  },
  {
    flags: '--rotate-certificates [bool]',
    key: 'rotateCertificates',
    read: asBoolean,
    help: 'renew client certificates that nodes joined with',
  },
  {
    flags: '--os <os>',
    key: 'os',
    read: (text) => text.toLowerCase(),
    help: 'operating system of the node: linux or windows',
  },
  {
    flags: '--node-ip <ips>',
    key: 'nodeIPs',
    env: 'VKUBELET_POD_IP',
    read: asList,
    help: "the node's address; two with a comma for dual-stack (default: this machine's first)",
  },
  {
    flags: '--node-labels <labels>',
    key: 'labels',
    read: asLabels,
    help: 'labels to register with: key=value,key=value',
  },
  {
    flags: '--register-with-taints <taints>',
    key: 'registerWithTaints',
    read: asTaints,
    help: 'more taints: key=value:Effect,…',
  },
  {
    flags: '--disable-taint [bool]',
    key: 'disableTaint',
    read: asBoolean,
    help: "do not set the provider's taint",
  },
  {
    flags: '--taint-key <key>',
    key: 'taintKey',
    env: 'VKUBELET_TAINT_KEY',
    read: asText,
    help: "key of the provider's taint",
  },
  {
    flags: '--taint-value <value>',
    key: 'taintValue',
    env: 'VKUBELET_TAINT_VALUE',
    read: asText,
    help: "value of the provider's taint (default: the provider's name)",
  },
  {
    flags: '--taint-effect <effect>',
    key: 'taintEffect',
    env: 'VKUBELET_TAINT_EFFECT',
    read: asText,
    help: "effect of the provider's taint",
  },
  {
    flags: '--max-pods <n>',
    key: 'maxPods',
    read: asNumber,
    help: "pods the node takes (default: the provider's own)",
  },
  {
    flags: '--cluster-domain <domain>',
    key: 'clusterDomain',
    read: asText,
    mayBeEmpty: true,
    help: "the cluster's DNS domain, searched by pods and part of their full names; empty for none",
  },
  {
    flags: '--cluster-dns <ips>',
    key: 'clusterDNS',
    read: (text) => (text === 'none' ? text : asList(text)),
    help: "addresses of the cluster's DNS service, for pods whose /etc/resolv.conf the node writes; without, they resolve names as the node does and an event warns of that, but for `none`",
  },
  {
    flags: '--resolv-conf <file>',
    key: 'resolvConf',
    read: asText,
    mayBeEmpty: true,
    help: "the node's own resolver configuration, as pods start from; empty for none (default: /etc/resolv.conf, or the servers behind the stub of systemd-resolved)",
  },
  ...resourceFlags,
  {
    flags: '--pod-apiserver <host:port>',
    key: 'podApiServer',
    read: asText,
    help: 'the API server as pods reach it; fills KUBERNETES_SERVICE_HOST and _PORT (default: the kubeconfig server, unless loopback)',
  },
  {
    flags: '--feature-check <mode>',
    key: 'featureCheck',
    read: asText,
    help: 'a pod that asks for what the provider cannot do: strict leaves it Pending, lenient runs it',
  },
  {
    flags: '--seccomp-default [bool]',
    key: 'seccompDefault',
    read: asBoolean,
    help: 'containers that name no seccomp profile have RuntimeDefault; refused where the provider filters no system calls',
  },
  {
    flags: '--pod-sync-workers <n>',
    key: 'podSyncWorkers',
    read: asNumber,
    help: 'pods worked on at the same time',
  },
  {
    flags: '--full-resync-period <duration>',
    key: 'reconcileIntervalSeconds',
    read: asSeconds,
    help: 'how often backend and API are compared in full',
  },
  {
    flags: '--address <ip>',
    key: 'address',
    read: asText,
    help: 'address the kubelet API listens on',
  },
  {
    flags: '--kubelet-port <port>',
    key: 'kubeletPort',
    env: 'KUBELET_PORT',
    read: asNumber,
    help: 'port of the kubelet API; 0 picks a free one',
  },
  {
    flags: '--client-ca-file <file>',
    key: 'clientCAFile',
    env: 'APISERVER_CA_CERT_LOCATION',
    read: asText,
    help: 'CA bundle that signs client certificates of kubelet API callers (default: what the cluster publishes as its own, where the kubeconfig may read that)',
  },
  {
    flags: '--tls-cert-file <file>',
    key: 'tlsCertFile',
    env: 'APISERVER_CERT_LOCATION',
    read: asText,
    help: 'serving certificate of the kubelet API (default: self-signed)',
  },
  {
    flags: '--tls-private-key-file <file>',
    key: 'tlsPrivateKeyFile',
    env: 'APISERVER_KEY_LOCATION',
    read: asText,
    help: 'key of that certificate',
  },
  {
    flags: '--rotate-server-certificates [bool]',
    key: 'serverTLSBootstrap',
    read: asBoolean,
    help: 'ask the cluster for the serving certificate and renew it; somebody has to approve the requests, until then it is self-signed',
  },
  {
    flags: '--anonymous-auth [bool]',
    key: 'anonymousAuth',
    read: asBoolean,
    help: 'let callers without credentials in as system:anonymous',
  },
  {
    flags: '--authentication-token-webhook [bool]',
    key: 'authenticationTokenWebhook',
    read: asBoolean,
    help: 'check bearer tokens with TokenReview',
  },
  {
    flags: '--authorization-mode <mode>',
    key: 'authorizationMode',
    read: asText,
    help: 'Webhook asks the API server (SubjectAccessReview); AlwaysAllow does not',
  },
  {
    flags: '--enable-debugging-handlers [bool]',
    key: 'enableDebuggingHandlers',
    read: asBoolean,
    help: 'serve logs, exec and the like',
  },
  {
    flags: '--enable-system-log-handler [bool]',
    key: 'enableSystemLogHandler',
    read: asBoolean,
    help: "serve this machine's log files to those who may read nodes/log",
  },
  {
    flags: '--enable-system-log-query [bool]',
    key: 'enableSystemLogQuery',
    read: asBoolean,
    help: 'answer their queries for logs of services too (journalctl)',
  },
  {
    flags: '--system-log-dir <dir>',
    key: 'systemLogDir',
    read: asText,
    help: 'folder of those files; nothing outside of it is served',
  },
  {
    flags: '--root-dir <dir>',
    key: 'rootDir',
    read: asText,
    help: 'where state is kept; locked while in use (default: /var/lib/virtual-kubelet for root, else ~/.local/state/virtual-kubelet)',
  },
  {
    flags: '--metrics-addr <addr>',
    key: 'metricsAddr',
    read: asText,
    help: "also serve own metrics on [HOST]:PORT; TLS with the kubelet API's checks unless loopback (default: off)",
  },
  {
    flags: '--healthz-port <port>',
    key: 'healthzPort',
    read: asNumber,
    help: 'port of /healthz and /readyz on 127.0.0.1; 0 is off',
  },
  {
    flags: '--startup-timeout <duration>',
    key: 'startupTimeoutSeconds',
    read: asSeconds,
    help: 'give up when the node is not Ready by then; 0 waits for ever',
  },
  {
    flags: '--drain-on-exit [bool]',
    key: 'drainOnExit',
    read: asBoolean,
    help: 'end the pods, with their grace, before exiting',
  },
  {
    flags: '--delete-node-on-exit [bool]',
    key: 'deleteNodeOnExit',
    read: asBoolean,
    help: 'delete the Node object on exit',
  },
  {
    flags: '--log-level <level>',
    key: 'logLevel',
    read: (text) => text.toLowerCase(),
    help: 'debug, info, warn or error',
  },
  { flags: '--log-format <format>', key: 'logFormat', read: asText, help: 'text or json' },
]

/**
 * What the flags say, by setting. `given` is commander's result by camel-cased flag name: text, or true
 * for a boolean flag without a value.
 */
export function settingsOfFlags(
  given: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, unknown>> {
  const settings: Record<string, unknown> = {}
  for (const { flags, key, env: variable, read, mayBeEmpty } of startFlags) {
    const value = given[optionNameOf(flags)]
    const fromEnv = variable === undefined ? undefined : env[variable]
    const [source, raw] =
      value === undefined ? [variable ?? '', fromEnv] : [flags.split(' ', 1)[0] ?? flags, value]
    if (raw === undefined) continue
    if (raw === '' && !(mayBeEmpty && value !== undefined)) continue
    try {
      settings[key] = typeof raw === 'string' ? read(raw) : raw
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      throw new UserError(
        `Cannot use ${source}: ${error.message}`,
        error.hint ? { hint: error.hint } : {},
      )
    }
  }
  return settings
}

/** `--node-ip <ip>` is `nodeIp` in commander's result. */
function optionNameOf(flags: string): string {
  const name = flags.split(' ', 1)[0]?.slice(2) ?? ''
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** The flag that sets `key`, for error messages. */
export function flagOf(key: string): string | undefined {
  return startFlags.find((spec) => spec.key === key)?.flags.split(' ', 1)[0]
}

/** The default of a flag in words, where it is a plain value. */
export function defaultOf({ key }: FlagSpec): string | undefined {
  const value = settingDefaults[key]
  const isPlain = typeof value === 'string' || typeof value === 'number' || value === true
  return isPlain ? String(value) : undefined
}

/** What `--help` says of a flag. */
export function helpOf(spec: FlagSpec): string {
  const { env, help } = spec
  const value = defaultOf(spec)
  const notes = [
    ...(value === undefined || help.includes('default:') ? [] : [`default: ${value}`]),
    ...(env === undefined ? [] : [`env ${env}`]),
  ]
  return notes.length === 0 ? help : `${help} (${notes.join('; ')})`
}
