// SPDX-License-Identifier: Apache-2.0
// What the conformance kit must be told about a backend: how to open it, and what to write into a pod so
// that it does what a check needs.
import type { Container, PodSpec } from '../kube/types.gen.ts'
import type { PodProvider, ProviderHost } from '../provider/provider.ts'

/** A container that does one thing on this backend, and what its pod needs beside it. */
export interface Workload {
  readonly container: Partial<Container>
  readonly spec?: Partial<PodSpec>
  readonly annotations?: Readonly<Record<string, string>>
}

/** Workloads by what they do. An optional one that is left out skips the checks that need it. */
export interface Workloads {
  /** Runs until it is stopped, and stops soon when asked to. */
  running(): Workload
  /** Ends by itself, soon, with this code. */
  exiting(options: { readonly exitCode: number }): Workload
  /** Prints these lines to stdout and goes on running. */
  printing?(lines: readonly string[]): Workload
  /** Ignores the request to stop once it is ready (by a probe, where it needs a moment): only the end of its grace ends it. */
  stubborn?(): Workload
  /**
   * The command that runs this script by a POSIX shell in a container of `running`, by exec; `cat`, `wc`, `sleep`,
   * `kill` and, for terminals, `stty` must be there.
   */
  shell?(script: string): readonly string[]
  /** Sends back on stdout each line that it reads on stdin, which stays open; runs until it is stopped. */
  echoing?(): Workload
  /** Listens on this TCP port and sends back what it gets, to the end of each connection. */
  listening?(port: number): Workload
}

/** What is given to `providerConformance`. */
export interface ConformanceOptions {
  /** Begins the name of each test. */
  readonly name: string
  /** Opens the provider. A second call with the same host stands for a restarted process. */
  open(host: ProviderHost): Promise<PodProvider>
  readonly workloads: Workloads
  /** How long the backend may take for any one step; default 60 s, for machines that are busy. */
  readonly timeoutMs?: number
  /** Usage is measured by the backend; default true. */
  readonly hasStats?: boolean
  /** A reason to skip everything, such as a missing daemon. */
  readonly skip?: string
}
