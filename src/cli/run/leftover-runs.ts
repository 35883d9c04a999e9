// SPDX-License-Identifier: Apache-2.0
// What a run leaves when it is killed (kill -9, out of memory): pods that nobody will ask for again, since
// their cluster died with it, and its folder. Each run notes where its pods are; the next one ends them.
import { lstat, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import type { PodProvider, ProviderHost } from '../../provider/provider.ts'
import type { Clock } from '../../util/clock.ts'
import { lockDir, lockHolder } from '../../util/dir-lock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import { readYamlFile } from '../config-file.ts'
import { loadProviderModule } from '../provider-modules.ts'
import { temporaryPrefix } from '../temporary-dir.ts'

/** How the pods of a run can be found again. */
export interface RunRecord {
  readonly provider: string
  readonly providerConfigFile?: string | undefined
  readonly nodes: readonly string[]
  readonly clusterId: string
}

export interface LeftoverOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly note: (line: string) => void
  readonly signal: AbortSignal
}

const recordSchema = v.object({
  provider: v.string(),
  providerConfigFile: v.optional(v.string()),
  nodes: v.array(v.string()),
  clusterId: v.string(),
})

const graceSeconds = 2
const endLimitMs = 10_000
const pollMs = 50

/** Notes in the folder of a run, whose nodes hold the lock of `nodes` in it, how to find its pods. */
export async function recordRun(dir: string, record: RunRecord): Promise<void> {
  const { providerConfigFile: file } = record
  const text = JSON.stringify({ ...record, ...(file && { providerConfigFile: resolve(file) }) })
  await writeFile(recordFile(dir), text, { mode: 0o600 })
}

/** Ends the pods of this user's runs that were killed, and removes their folders. */
export async function endLeftoverRuns(options: LeftoverOptions): Promise<void> {
  // A directory that is not there, or may not be read, holds no run of ours; making one there says why.
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const dir = join(tmpdir(), name)
    if (!name.startsWith(temporaryPrefix) || !(await isLeftover(dir))) continue
    try {
      const count = await endRun(dir, options)
      options.note(`An earlier run was killed; what it left was removed (pods: ${count})`)
    } catch (error) {
      options.note(`An earlier run was killed and left ${dir}: ${messageOf(error)}`)
    }
  }
}

/** Ours alone counts: a folder of somebody else could say anything. */
async function isLeftover(dir: string): Promise<boolean> {
  try {
    const { uid } = process.getuid ? { uid: process.getuid() } : { uid: 0 }
    const [folder, record] = await Promise.all([lstat(dir), lstat(recordFile(dir))])
    const isOurs = folder.isDirectory() && record.isFile() && folder.uid === uid
    return isOurs && (await lockHolder(nodesDir(dir))) === undefined
  } catch {
    // No run, or one that has just ended in order.
    return false
  }
}

async function endRun(dir: string, options: LeftoverOptions): Promise<number> {
  const text = await readFile(recordFile(dir), 'utf8')
  const record = v.parse(recordSchema, JSON.parse(text))
  await using _lock = await lockDir(nodesDir(dir))
  let count = 0
  for (const node of record.nodes) count += await endPods(node, { dir, record, options })
  await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  return count
}

async function endPods(
  nodeName: string,
  run: { readonly dir: string; readonly record: RunRecord; readonly options: LeftoverOptions },
): Promise<number> {
  const { provider: name, providerConfigFile: file } = run.record
  const module = await loadProviderModule(name)
  const config = file === undefined ? {} : readYamlFile(file)
  await using provider = await module.create(config, hostOf(nodeName, run))
  const pods = await provider.listPods(run.options)
  for (const { ref } of pods) {
    await provider.deletePod(ref, { gracePeriodSeconds: graceSeconds }, run.options)
  }
  await untilEnded(provider, run.options)
  for (const { ref } of pods) await provider.cleanUpPod?.(ref, run.options)
  return pods.length
}

function hostOf(
  nodeName: string,
  {
    dir,
    record,
    options: { clock, log },
  }: { readonly dir: string; readonly record: RunRecord; readonly options: LeftoverOptions },
): ProviderHost {
  return {
    nodeName,
    clusterId: record.clusterId,
    nodeIPs: ['127.0.0.1'],
    os: 'linux',
    rootDir: join(nodesDir(dir), 'nodes', nodeName),
    protectedDir: nodesDir(dir),
    clock,
    log,
    recordEvent: () => {},
  }
}

async function untilEnded(provider: PodProvider, options: LeftoverOptions): Promise<void> {
  const { clock } = options
  const deadlineMs = clock.monotonicMs() + endLimitMs
  while (!(await provider.listPods(options)).every(({ hasEnded }) => hasEnded)) {
    if (clock.monotonicMs() > deadlineMs) throw new Error('its pods do not end')
    await clock.sleep(pollMs)
  }
}

function recordFile(dir: string): string {
  return join(dir, 'run.json')
}

function nodesDir(dir: string): string {
  return join(dir, 'nodes')
}
