// SPDX-License-Identifier: Apache-2.0
//
// The cluster of `up` on a disk that fills up: reads and watches are served, writes are refused with what is
// wrong, and with room again everything goes on.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ClusterAccess } from '../../src/cli/cluster-access.ts'
import { ApiError } from '../../src/kube/api-error.ts'
import { loadConnection } from '../../src/kube/kubeconfig.ts'
import type { Unsaved } from '../../src/kube/kube-client.ts'
import { configMaps, nodes } from '../../src/kube/resources.ts'
import type { ConfigMap } from '../../src/kube/types.gen.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { CliProcess, runCli } from '../support/cli-process.ts'
import { eventually } from './eventually.ts'
import { skipReason } from './requirements.ts'
import { isQuick } from './scenario-size.ts'
import { planeKind } from './test-control-plane.ts'

const why = 'Cannot write to storage: the disk is full'
const megabyte = 2 ** 20
const isRoot = process.getuid?.() === 0
const skip = skipReason || obstacle()

function obstacle(): string | false {
  if (planeKind !== 'embedded') return 'is about the embedded control plane'
  if (!isRoot) return 'needs root, to mount a small disk'
  return isQuick && 'is left to the full run'
}

describe('a full disk', { skip }, () => {
  let disk = ''
  const env = (): Record<string, string> => ({ VK_DATA_DIR: join(disk, 'data') })

  before(() => {
    disk = mkdtempSync(join(tmpdir(), 'vk-disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${16 * megabyte}`, 'tmpfs', disk])
  })
  after(() => {
    execFileSync('umount', ['--lazy', disk])
    rmSync(disk, { recursive: true, force: true })
  })

  test('reads are served, writes refused in one line, and all heals', async () => {
    await using cluster = new CliProcess(['up', '--provider', 'mock'], { env: env() })
    await cluster.says(/^export KUBECONFIG=/m)
    const kept: string[] = []
    {
      await using access = await connect(join(disk, 'data', 'kubeconfig'))
      await access.client.create(configMaps, configMap('first'))
      kept.push('first')
      const filler = fill(disk)
      const refusal = await writeUntilRefused(access, kept)
      assert.deepEqual([refusal.httpStatus, refusal.status?.message], [500, why])
      await cluster.says(
        /Storage takes no writes: they are refused until it does, and reads are serv/,
      )

      assert.deepEqual(await namesIn(access), kept.toSorted())
      const [first = ''] = kept
      const place = { namespace, name: first }
      assert.equal((await access.client.get(configMaps, place)).data?.['text']?.length, textSize)
      const { items } = await access.client.list(nodes)
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name),
        ['node-1'],
      )
      assert.deepEqual(await firstOfWatch(access, kept.length), kept.toSorted())
      // Whether this one still finds room, in what SQLite has reserved, only SQLite knows.
      if (await isDeleted(access, first)) kept.shift()
      assert.deepEqual(await namesIn(access), kept.toSorted())
      const status = await runCli(['status'], { env: env() })
      assert.match(status.stdout, /^node-1 /m)

      rmSync(filler)
      await eventually(async () => await access.client.create(configMaps, configMap('healed')), {
        what: 'a write',
      })
      kept.push('healed')
      assert.deepEqual(await namesIn(access), kept.toSorted())
      await eventually(async () => await isReady(access), { what: 'the node' })
    }
    assert.equal((await runCli(['down'], { env: env() })).code, 0)
    assert.equal((await cluster.ended).code, 0)

    await using next = new CliProcess(['up', '--provider', 'mock'], { env: env() })
    await next.says(/^export KUBECONFIG=/m)
    await using access = await connect(join(disk, 'data', 'kubeconfig'))
    assert.deepEqual(await namesIn(access), kept.toSorted())
    assert.equal((await runCli(['down'], { env: env() })).code, 0)
  })
})

const namespace = 'default'
const labels = { test: 'disk' }
const labelSelector = 'test=disk'
const textSize = 200_000

async function connect(kubeconfig: string): Promise<ClusterAccess> {
  const connection = await loadConnection({ kubeconfig, env: {}, log: silentLogger })
  return new ClusterAccess(connection, { log: silentLogger })
}

function configMap(name: string): Unsaved<ConfigMap> {
  return { metadata: { name, namespace, labels }, data: { text: 'x'.repeat(textSize) } }
}

/** Takes all the room that there is; returns the file that has it. */
function fill(folder: string): string {
  const file = join(folder, 'filler')
  const descriptor = openSync(file, 'w')
  const { bavail, bsize } = statfsSync(folder)
  try {
    for (let left = bavail; left > 0; left -= 1) writeSync(descriptor, Buffer.alloc(bsize))
  } catch (error) {
    // The cluster has taken the last of it meanwhile.
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    closeSync(descriptor)
  }
  return file
}

/** What the log of SQLite has room for in its file is still taken. */
async function writeUntilRefused({ client }: ClusterAccess, kept: string[]): Promise<ApiError> {
  for (let index = 0; index < 200; index += 1) {
    const name = `map-${index}`
    try {
      await client.create(configMaps, configMap(name))
      kept.push(name)
    } catch (error) {
      assert.ok(error instanceof ApiError, String(error))
      return error
    }
  }
  return assert.fail('nothing was refused')
}

async function isDeleted({ client }: ClusterAccess, name: string): Promise<boolean> {
  try {
    await client.delete(configMaps, { namespace, name })
    return true
  } catch (error) {
    assert.equal((error as ApiError).httpStatus, 500)
    return false
  }
}

async function namesIn({ client }: ClusterAccess): Promise<readonly string[]> {
  const { items } = await client.list(configMaps, { namespace, labelSelector })
  return items.map(({ metadata }) => metadata.name)
}

async function firstOfWatch({ client }: ClusterAccess, count: number): Promise<readonly string[]> {
  const names: string[] = []
  for await (const event of client.watch(configMaps, { namespace, labelSelector })) {
    if (event.type === 'ADDED') names.push(event.object.metadata.name)
    if (names.length === count) break
  }
  return names
}

async function isReady({ client }: ClusterAccess): Promise<boolean> {
  const { status } = await client.get(nodes, { name: 'node-1' })
  return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false
}
