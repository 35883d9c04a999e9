// SPDX-License-Identifier: Apache-2.0
//
// A network namespace for a test run. The API server refuses to proxy to loopback addresses, so a
// node under test needs another one; in a namespace of its own that can be any private address on
// `lo`, and no test traffic ever leaves. Entered with nsenter: `ip netns exec` would also replace
// /sys, and with it the cgroups that backends need.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A namespace that exists until it is disposed of, together with all that runs inside it. */
export interface NetworkNamespace extends Disposable {
  readonly name: string
  /** Words to put before a command that is to run inside. */
  readonly enter: readonly string[]
}

/** Returns why this machine can make no network namespace, or undefined if it can. */
export function namespaceObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root, to make a network namespace'
  const missing = ['ip', 'nsenter'].filter((program) => !isInPath(program))
  if (missing.length > 0) return `needs the programs ${missing.join(' and ')}`
  return undefined
}

/** Makes a namespace with nothing but `lo` in it. */
export function createNetworkNamespace(): NetworkNamespace {
  const name = `vk-e2e-${randomBytes(4).toString('hex')}`
  ip(['netns', 'add', name])
  ip(['-n', name, 'link', 'set', 'lo', 'up'])
  return {
    name,
    enter: ['nsenter', `--net=/run/netns/${name}`, '--'],
    [Symbol.dispose]: () => {
      for (const pid of processesIn(name)) end(pid)
      ip(['netns', 'delete', name])
    },
  }
}

/**
 * Gives `lo` one more private address and returns it; a node under test calls it its own.
 * Only for a process that runs inside a namespace made by `createNetworkNamespace`.
 */
export function addAddress(): string {
  for (let number = 1; number < 65_000; number++) {
    const address = `10.250.${number >> 8}.${number & 255}`
    const { status, stderr } = spawnSync('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo'], {
      encoding: 'utf8',
    })
    if (status === 0) return address
    if (!/exists|already assigned/i.test(stderr))
      throw new Error(`Cannot add an address: ${stderr}`)
  }
  throw new Error('Cannot add an address: all are taken')
}

/** Takes an address away again. */
export function removeAddress(address: string): void {
  spawnSync('ip', ['addr', 'del', `${address}/32`, 'dev', 'lo'])
}

function processesIn(name: string): number[] {
  const pids = ip(['netns', 'pids', name]).split('\n').filter(Boolean)
  return pids.map(Number).filter((pid) => pid !== process.pid)
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}

function ip(args: string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`Cannot run 'ip ${args.join(' ')}': ${stderr.trim()}`)
  return stdout
}

function isInPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.some((folder) => existsSync(join(folder, program)))
}
