// SPDX-License-Identifier: Apache-2.0
// What pods on a container runtime can do: the runtime's own table, and over it the rows that the
// lifecycle in src/runtime answers for, whatever the runtime is.
import type { Features } from '../provider/features.ts'

const lifecycle: Features = {
  restartPolicy: true,
  containerRestartRules: true,
  activeDeadlineSeconds: true,
  readinessGates: true,
  terminationMessageFromLogs: true,
  initContainers: true,
  sidecars: true,
  ephemeralContainers: true,
  'probe.exec': false,
  'probe.httpGet': false,
  'probe.tcpSocket': false,
  'probe.grpc': false,
  'hook.postStart': false,
  'hook.preStop': false,
  'env.fileKeyRef': false,
}

/** The features of the pod provider made from a runtime with these features. */
export function coreFeatures(runtime: Features): Features {
  return { ...runtime, ...lifecycle }
}
