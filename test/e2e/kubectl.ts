// SPDX-License-Identifier: Apache-2.0
//
// Runs kubectl as a user would, with the kubeconfig of a test cluster.
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'

/** What one command left behind. */
export interface KubectlResult {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** How to run one command. */
export interface KubectlOptions {
  /** Standard input; anything but a string is sent as JSON, for `-f -`. */
  readonly input?: unknown
  /** Who asks; default is the cluster's admin. */
  readonly kubeconfig?: string
  /** Return a failure rather than throw it. */
  readonly allowFailure?: boolean
  /** Default 60 s; then kubectl is killed and the call throws. */
  readonly timeoutMs?: number
}

/** Which kubectl, and what to tell it beside its arguments. */
export interface Kubectl {
  readonly command: string
  readonly env: NodeJS.ProcessEnv
}

/** Starts a command that goes on, such as `port-forward` or `logs -f`; the caller ends it. */
export function spawnKubectl(
  { command, env }: Kubectl,
  args: readonly string[],
): ChildProcessWithoutNullStreams {
  return spawn(command, args, { env })
}

/** Runs a command to its end. Throws if it fails, unless `allowFailure`. */
export async function runKubectl(
  kubectl: Kubectl,
  args: readonly string[],
  { input = '', allowFailure = false, timeoutMs = 120_000 }: KubectlOptions,
): Promise<KubectlResult> {
  const child = spawnKubectl(kubectl, args)
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  try {
    // kubectl may end without reading; what it says then tells more than EPIPE.
    child.stdin.on('error', () => {})
    child.stdin.end(typeof input === 'string' ? input : JSON.stringify(input))
    const [stdout, stderr, [code, signal]] = await Promise.all([
      buffer(child.stdout),
      buffer(child.stderr),
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ])
    const result = { stdout: stdout.toString(), stderr: stderr.toString(), code: code ?? -1 }
    if (code === null) throw new Error(`Cannot run '${line(args)}': ended by ${signal}`)
    if (code !== 0 && !allowFailure) {
      throw new Error(`Cannot run '${line(args)}': exit code ${code}\n${result.stderr.trim()}`)
    }
    return result
  } finally {
    clearTimeout(timer)
  }
}

function line(args: readonly string[]): string {
  return `kubectl ${args.join(' ')}`
}
