// SPDX-License-Identifier: Apache-2.0
// The settings as a kubelet tells them at /configz and /flagz. Both go by lists of what may be told, so
// that a setting added later is not told before somebody has thought about it: the provider's own
// configuration, which may hold credentials, is on neither.
import type { KubeletAbout } from '../kubelet/routes/configz.ts'
import { startFlags } from './flags.ts'
import type { SettingKey } from './flag-spec.ts'
import type { NodeSettings, ProcessSettings } from './settings.ts'
import { kubeletVersion } from './version.ts'

export interface AboutInput {
  readonly node: NodeSettings
  /** Left out where a command has none. */
  readonly process?: ProcessSettings
}

/** Flags whose values may be told; of files only their names. */
const tellable: ReadonlySet<SettingKey> = new Set<SettingKey>([
  'name',
  'provider',
  'os',
  'nodeIPs',
  'address',
  'kubeletPort',
  'labels',
  'registerWithTaints',
  'disableTaint',
  'taintKey',
  'taintValue',
  'taintEffect',
  'maxPods',
  'systemReserved',
  'kubeReserved',
  'evictionHard',
  'evictionSoft',
  'evictionSoftGracePeriodSeconds',
  'evictionMaxPodGracePeriodSeconds',
  'evictionPressureTransitionPeriodSeconds',
  'shutdownGracePeriodSeconds',
  'shutdownGracePeriodCriticalPodsSeconds',
  'shutdownGracePeriodByPodPriority',
  'clusterDomain',
  'clusterDNS',
  'resolvConf',
  'featureCheck',
  'seccompDefault',
  'podApiServer',
  'podSyncWorkers',
  'reconcileIntervalSeconds',
  'clientCAFile',
  'tlsCertFile',
  'tlsPrivateKeyFile',
  'serverTLSBootstrap',
  'anonymousAuth',
  'authenticationTokenWebhook',
  'authorizationMode',
  'enableDebuggingHandlers',
  'enableSystemLogHandler',
  'enableSystemLogQuery',
  'systemLogDir',
  'rootDir',
  'kubeconfig',
  'context',
  'bootstrapKubeconfig',
  'rotateCertificates',
  'logLevel',
  'logFormat',
  'metricsAddr',
  'healthzPort',
  'startupTimeoutSeconds',
  'drainOnExit',
  'deleteNodeOnExit',
])

/** What a node tells of itself. */
export function aboutKubelet(input: AboutInput): KubeletAbout {
  return {
    version: kubeletVersion,
    configuration: kubeletConfiguration(input),
    flags: flagValues(input),
  }
}

function flagValues({ node, process = {} as ProcessSettings }: AboutInput) {
  const values: Record<string, string> = {}
  for (const { flags, key } of startFlags) {
    if (!tellable.has(key)) continue
    const value: unknown = { ...process, ...node }[key]
    const name = flags.split(' ', 1)[0]?.slice(2) ?? ''
    if (value !== undefined) values[name] = valueText(value)
  }
  return values
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function resourceConfiguration(node: AboutInput['node']): object {
  return {
    systemReserved: node.systemReserved,
    kubeReserved: node.kubeReserved,
    evictionHard: node.evictionHard,
    evictionSoft: node.evictionSoft,
    evictionSoftGracePeriod: Object.fromEntries(
      Object.entries(node.evictionSoftGracePeriodSeconds).map(([key, value]) => [key, `${value}s`]),
    ),
    evictionMaxPodGracePeriod: node.evictionMaxPodGracePeriodSeconds,
    evictionPressureTransitionPeriod: `${node.evictionPressureTransitionPeriodSeconds}s`,
    shutdownGracePeriod: `${node.shutdownGracePeriodSeconds}s`,
    shutdownGracePeriodCriticalPods: `${node.shutdownGracePeriodCriticalPodsSeconds}s`,
    ...(node.shutdownGracePeriodByPodPriority.length > 0 && {
      shutdownGracePeriodByPodPriority: node.shutdownGracePeriodByPodPriority,
    }),
  }
}

/** KubeletConfiguration of kubelet.config.k8s.io/v1beta1, as far as there is such a thing here. */
function kubeletConfiguration({ node, process }: AboutInput): object {
  const { maxPods, registerWithTaints } = node
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    ...serverConfiguration(node),
    rotateCertificates: process?.rotateCertificates ?? false,
    ...(process && { healthzPort: process.healthzPort, healthzBindAddress: '127.0.0.1' }),
    clusterDomain: node.clusterDomain,
    ...(node.clusterDNS !== 'none' && { clusterDNS: node.clusterDNS }),
    ...(node.resolvConf !== undefined && { resolvConf: node.resolvConf }),
    nodeStatusUpdateFrequency: '10s',
    nodeStatusReportFrequency: '5m0s',
    nodeLeaseDurationSeconds: 40,
    ...(maxPods !== undefined && { maxPods }),
    ...resourceConfiguration(node),
    seccompDefault: node.seccompDefault,
    ...(registerWithTaints.length > 0 && { registerWithTaints }),
    registerNode: true,
    logging: { format: process?.logFormat ?? 'text' },
  }
}

function serverConfiguration(node: AboutInput['node']): object {
  const { clientCAFile, tlsCertFile, tlsPrivateKeyFile } = node
  return {
    enableServer: true,
    address: node.address,
    port: node.kubeletPort,
    ...(tlsCertFile !== undefined && { tlsCertFile }),
    ...(tlsPrivateKeyFile !== undefined && { tlsPrivateKeyFile }),
    tlsMinVersion: 'VersionTLS12',
    serverTLSBootstrap: node.serverTLSBootstrap,
    authentication: {
      x509: clientCAFile === undefined ? {} : { clientCAFile },
      webhook: { enabled: node.authenticationTokenWebhook, cacheTTL: '2m0s' },
      anonymous: { enabled: node.anonymousAuth },
    },
    authorization: {
      mode: node.authorizationMode,
      webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' },
    },
    enableDebuggingHandlers: node.enableDebuggingHandlers,
    enableSystemLogHandler: node.enableSystemLogHandler,
    enableSystemLogQuery: node.enableSystemLogQuery,
    enableProfilingHandler: false,
    enableDebugFlagsHandler: false,
    streamingConnectionIdleTimeout: '4h0m0s',
  }
}
