// SPDX-License-Identifier: Apache-2.0
// Where things lie on disk:
//   <rootDir>/pods/<uid>/pod.json                            what must survive kill -9 (pod-record.ts)
//   <rootDir>/pods/<uid>/etc/                                 hosts, hostname, resolv.conf (files/)
//   <rootDir>/pods/<uid>/volumes/<volume>/..data             files made from API objects and tokens
//   <rootDir>/pods/<uid>/containers/<name>/<attempt>/        stdout.log, stderr.log, log.idx, and what
//                                                            the runtime itself keeps there
import { join } from 'node:path'
import type { ContainerKey } from './container-runtime.ts'

export function podsDir(rootDir: string): string {
  return join(rootDir, 'pods')
}

export function podDir(rootDir: string, uid: string): string {
  return join(podsDir(rootDir), uid)
}

export function volumeDir(rootDir: string, at: { uid: string; volume: string }): string {
  return join(podDir(rootDir, at.uid), 'volumes', at.volume)
}

export function containersDir(rootDir: string, uid: string): string {
  return join(podDir(rootDir, uid), 'containers')
}

export function containerDir(rootDir: string, at: Pick<ContainerKey, 'pod' | 'name'>): string {
  return join(containersDir(rootDir, at.pod.uid), at.name)
}

export function attemptDir(rootDir: string, key: ContainerKey): string {
  return join(containerDir(rootDir, key), String(key.attempt))
}
