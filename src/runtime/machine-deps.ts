// SPDX-License-Identifier: Apache-2.0
// What every pod machine shares with its provider.
import type { ObservedPod, ProviderHost } from '../provider/provider.ts'
import type { RunHook } from './container-hooks.ts'
import type { ContainerRuntime } from './container-runtime.ts'
import type { LogStore } from './logs/log-store.ts'
import type { ProbeDeps } from './probes/pod-probes.ts'

export interface RuntimeProviderOptions {
  /** Longest wait between two runs of a container that keeps ending; default 300 s. */
  readonly crashBackoffCapMs?: number
  /** A log file of this size is one step of rotation; default 10 MiB. */
  readonly containerLogMaxBytes?: number
  /** How many such steps of a container's log are kept; default 5. */
  readonly containerLogMaxFiles?: number
}

export interface MachineDeps {
  readonly runtime: ContainerRuntime
  readonly host: ProviderHost
  readonly options: RuntimeProviderOptions
  readonly logs: LogStore
  readonly probes: ProbeDeps
  readonly runHook: RunHook
  /** The number of the newest list of the runtime's containers, begun if not yet answered. */
  epoch(): number
  /** Asks the runtime for all its containers; machines have been told when it resolves. */
  refresh(): Promise<void>
  publish(observed: ObservedPod): void
}
