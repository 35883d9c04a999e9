// SPDX-License-Identifier: Apache-2.0
// What pods on a container runtime can do: the runtime's own table, over it the rows that the lifecycle in
// src/runtime answers for, whatever the runtime is, and below it those that hold unless the runtime says else.
import type { Features } from '../provider/features.ts'
import type { VolumeSupport } from './container-runtime.ts'

const lifecycle: Features = {
  restartPolicy: true,
  containerRestartRules: true,
  activeDeadlineSeconds: true,
  readinessGates: true,
  terminationMessageFromLogs: true,
  initContainers: true,
  sidecars: true,
  ephemeralContainers: true,
  'resources.ephemeralStorageLimit': true,
}

/** Rows that hold where pods are on this machine. */
const usual: Features = {
  'volume.emptyDirSizeLimit': true,
  'probe.httpGet': true,
  'probe.tcpSocket': true,
  'probe.grpc': true,
}

/** Rows that come with the core's own files: /etc/hosts and its like, and the termination log. */
const mountedFiles: Features = {
  terminationMessage: true,
  hostAliases: true,
  dnsConfig: true,
}

/**
 * The features of the pod provider made from a runtime with these features that delivers volumes so. The
 * row `hostname` is the runtime's: the core tells it the name, and it alone can give it to containers.
 */
export function coreFeatures(
  runtime: Features,
  delivery: VolumeSupport['delivery'] = 'variable',
  { hasExec = true }: { readonly hasExec?: boolean } = {},
): Features {
  // The file is read where its emptyDir lies on the host.
  const files: Features = { 'env.fileKeyRef': Boolean(runtime['volume.emptyDir']) }
  // Hooks are one row each, whatever they do: without commands in containers none is promised.
  const commands: Features = {
    'probe.exec': hasExec,
    'hook.postStart': hasExec,
    'hook.preStop': hasExec,
  }
  return {
    ...usual,
    ...(delivery === 'mount' ? mountedFiles : {}),
    ...runtime,
    ...lifecycle,
    ...commands,
    ...files,
  }
}
