// SPDX-License-Identifier: Apache-2.0
// What `up` notes of the cluster that it runs, and whether that is what a later `up` asks for: one that has
// to be another is refused, because a running cluster stays as it was started.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { UserError } from '../util/vk-error.ts'
import { whyUnreadable } from './config-file.ts'

/** A cluster that runs. */
export interface RunningCluster {
  readonly pid: number
  readonly server: string
  readonly provider: string
  readonly nodes: readonly string[]
  readonly startedAt: string
  /** Have the nodes their provider's taint? */
  readonly taint?: boolean | undefined
  /** Stands for the content of the provider's configuration, where there is one. */
  readonly providerConfig?: string | undefined
}

export const runningClusterSchema: v.GenericSchema<unknown, RunningCluster> = v.object({
  pid: v.number(),
  server: v.string(),
  provider: v.string(),
  nodes: v.array(v.string()),
  startedAt: v.string(),
  taint: v.optional(v.boolean()),
  providerConfig: v.optional(v.string()),
})

/** What the flags of a command line ask for; what is not given is left to whatever runs. */
export interface ClusterWish {
  readonly provider?: string
  readonly nodes?: number
  /** 0 is content with any. */
  readonly port?: number
  readonly taint?: boolean
  /** As in `RunningCluster`. */
  readonly providerConfig?: string
}

/** Stands for the content of a provider's configuration, which may hold secrets. */
export async function digestOf(file: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  } catch (error) {
    throw new UserError(`Cannot read "${file}": ${whyUnreadable(error)}`, { cause: error })
  }
}

/** What was asked for and what there is instead, as parts of a sentence; undefined when all is as asked for. */
export function unmetWishes(
  running: RunningCluster,
  wish: ClusterWish,
): { readonly wanted: string; readonly has: string } | undefined {
  const { nodes, provider, port, taint, providerConfig } = wish
  const { taint: hasTaint = false } = running
  const unmet = [
    nodes !== undefined && nodes !== running.nodes.length && countOf(nodes),
    provider !== undefined && provider !== running.provider && `provider ${provider}`,
    port !== undefined && port !== 0 && port !== portOf(running) && `port ${port}`,
    taint !== undefined && taint !== hasTaint && 'a taint',
    providerConfig !== undefined &&
      providerConfig !== running.providerConfig &&
      'that --provider-config',
  ].filter((part) => part !== false)
  if (unmet.length === 0) return undefined
  const has = [
    `${countOf(running.nodes.length)} of provider ${running.provider}`,
    port === undefined ? '' : ` on port ${portOf(running)}`,
    taint === undefined ? '' : hasTaint ? ' with a taint' : ' without a taint',
    providerConfig === undefined ? '' : ', configured otherwise',
  ].join('')
  return { wanted: unmet.join(', '), has }
}

function countOf(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`
}

function portOf({ server }: RunningCluster): number {
  return Number(new URL(server).port)
}
