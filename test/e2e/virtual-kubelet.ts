// SPDX-License-Identifier: Apache-2.0
//
// Starts the program under test, as a user would, from source.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { KeyPair } from './certificates.ts'
import { startComponent } from './component.ts'
import type { Component } from './component.ts'
import { eventually } from './eventually.ts'

/** How to start one `virtual-kubelet`. */
export interface VirtualKubeletOptions {
  /** Default `vk-e2e`. */
  readonly nodeName?: string
  /** Default: a new private address. Give the old one to start the same node again. */
  readonly nodeIp?: string
  /** Default 10250, the kubelet's. */
  readonly kubeletPort?: number
  /** Default: a folder per node name, which outlives the process. */
  readonly rootDir?: string
  /** Default: a client certificate of `system:node:<nodeName>`. */
  readonly kubeconfig?: string
  /** False leaves the certificate of the HTTPS port to the node; default true. */
  readonly hasServingCertificate?: boolean
  /** A configuration file, which names the nodes itself; `nodeName` is then the one to wait for. */
  readonly configFile?: string
  readonly env?: NodeJS.ProcessEnv
  /** Wait until the Node is Ready; default true. */
  readonly waitReady?: boolean
  /**
   * The words before the flags. Default: those of the variable VK_E2E_COMMAND, which points the tests
   * at an installed package; without it, `start` from source.
   */
  readonly command?: readonly [string, ...string[]]
}

/** A running virtual-kubelet. */
export interface VirtualKubelet extends Component {
  readonly nodeName: string
  readonly nodeIp: string
  readonly kubeletPort: number
  readonly rootDir: string
  readonly kubeconfig: string
}

/** What the cluster has settled before the program can start. */
export interface Placement {
  readonly nodeName: string
  readonly nodeIp: string
  readonly rootDir: string
  readonly kubeconfig: string
  readonly caFile: string
  /** What the node's HTTPS port shows; the API server trusts it. */
  readonly serving: KeyPair
  /** HOST:PORT of the API server for pods. */
  readonly podApiServer: string
  readonly logFile: string
  /** Whether the API says so; a node that is started again may be Ready before it runs. */
  readonly isReady: () => Promise<boolean>
}

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const [PROGRAM = process.execPath, ...WORDS] = process.env['VK_E2E_COMMAND']?.split(' ') ?? [
  process.execPath,
  MAIN,
  'start',
]

/** The program and its first words, as the tests start it unless they say otherwise. */
export const START_COMMAND: readonly [string, ...string[]] = [PROGRAM, ...WORDS]

/** Starts the program and, unless told otherwise, waits until its Node is Ready. */
export async function startVirtualKubelet(
  args: readonly string[],
  options: VirtualKubeletOptions,
  placement: Placement,
): Promise<VirtualKubelet> {
  const { kubeletPort = 10250, env, waitReady = true, command = START_COMMAND } = options
  const { nodeName, nodeIp, rootDir, kubeconfig, logFile } = placement
  mkdirSync(rootDir, { recursive: true })
  const [program, ...words] = command
  const flags = {
    '--node-ip': nodeIp,
    '--root-dir': rootDir,
    '--client-ca-file': placement.caFile,
    ...((options.hasServingCertificate ?? true)
      ? {
          '--tls-cert-file': placement.serving.certificate,
          '--tls-private-key-file': placement.serving.key,
        }
      : {}),
    '--pod-apiserver': placement.podApiServer,
    '--healthz-port': '0',
    ...(options.configFile === undefined
      ? { '--nodename': nodeName, '--address': nodeIp, '--kubelet-port': `${kubeletPort}` }
      : { '--config': options.configFile }),
  }
  const component = await startComponent({
    name: `virtual-kubelet ${nodeName}`,
    command: program,
    args: [...words, ...Object.entries(flags).flat(), ...args],
    logFile,
    env: { ...process.env, KUBECONFIG: kubeconfig, ...env },
    graceMs: 5000,
  })
  if (waitReady) await waitUntilReady(component, placement, kubeletPort)
  return { ...component, nodeName, nodeIp, kubeletPort, rootDir, kubeconfig }
}

async function waitUntilReady(component: Component, placement: Placement, port: number) {
  const { nodeName, nodeIp, isReady } = placement
  const isUp = async () => (await isListening(nodeIp, port)) && (await isReady())
  try {
    await eventually(() => component.hasExited() || isUp(), {
      what: `node ${nodeName} to be Ready`,
      timeoutMs: 120_000,
    })
  } catch (error) {
    await component[Symbol.asyncDispose]()
    throw error
  }
  if (!component.hasExited()) return
  const { code, signal } = await component.exited
  const tail = component.log().split('\n').slice(-20).join('\n')
  throw new Error(`Cannot start ${component.name}: it exited with ${code ?? signal}\n${tail}`)
}

async function isListening(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    // Refused: not yet.
    return false
  } finally {
    socket.destroy()
  }
}
