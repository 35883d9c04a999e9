// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { buildPod } from '../../../test/support/build-pod.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { volumeDir } from '../pod-dirs.ts'
import { watchEmptyDirLimits, type ExceededLimit } from './empty-dir-limits.ts'

test('an emptyDir beyond its limit is told of, one within it or without one is not', async (t) => {
  const rootDir = await mkdtemp(join(tmpdir(), 'vk-limits-'))
  t.after(() => rm(rootDir, { recursive: true, force: true }))
  const pod = buildPod({
    spec: {
      volumes: [
        { name: 'small', emptyDir: { sizeLimit: '64Ki' } },
        { name: 'large', emptyDir: { sizeLimit: '1Mi' } },
        { name: 'open', emptyDir: {} },
        { name: 'absent', emptyDir: { sizeLimit: '1' } },
      ],
    },
  })
  const { uid } = pod.metadata
  const dirOf = (volume: string): string => volumeDir(rootDir, { uid, volume })
  for (const volume of ['small', 'large', 'open']) {
    await mkdir(dirOf(volume), { recursive: true })
    await writeFile(join(dirOf(volume), 'file'), Buffer.alloc(128 * 1024, 1))
  }
  const clock = new FakeClock()
  const told: ExceededLimit[] = []
  await using _watch = watchEmptyDirLimits({
    clock,
    log: silentLogger,
    rootDir,
    pods: () => [pod],
    onExceeded: (exceeded) => void told.push(exceeded),
  })
  await clock.advance(10_000)
  while (clock.nextInMs === undefined) await turn()
  assert.deepEqual(
    told.map(({ volume, message }) => [volume, message]),
    [['small', 'Usage of EmptyDir volume "small" exceeds the limit "64Ki". ']],
  )
  assert.ok((told[0]?.usedBytes ?? 0) >= 128 * 1024)
  await rm(join(dirOf('small'), 'file'))
  await clock.advance(10_000)
  while (clock.nextInMs === undefined) await turn()
  assert.equal(told.length, 1)
})
