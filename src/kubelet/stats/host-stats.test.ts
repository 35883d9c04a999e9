// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { FakeClock } from '../../util/fake-clock.ts'
import { HostStats } from './host-stats.ts'

const proc = {
  meminfo: 'MemTotal: 8000000 kB\nMemFree: 1000 kB\nAnonPages: 20 kB\nInactive(file): 300 kB\n',
  vmstat: 'nr_free_pages 1\npgfault 44\npgmajfault 5\n',
  loadavg: '0.1 0.2 0.3 2/345 6789\n',
  'sys/kernel/pid_max': '32768\n',
  'net/route': 'Iface\tDestination\tGateway\nlo\t0000007F\t0\nens3\t00000000\t0100000A\n',
  'net/dev': [
    'Inter-|   Receive',
    '    lo:  9    9    0    0    0     0          0         0  9  9    0',
    '  ens3: 1000 10   2    0    0     0          0         0  3000 30    4    0',
  ].join('\n'),
}

test('the machine is read from /proc', async () => {
  const procDir = await mkdtemp(path.join(os.tmpdir(), 'vk-proc-'))
  try {
    for (const [name, content] of Object.entries(proc)) {
      await mkdir(path.dirname(path.join(procDir, name)), { recursive: true })
      await writeFile(path.join(procDir, name), content)
    }
    const clock = new FakeClock()
    const stats = await new HostStats({ clock, rootDir: procDir, procDir }).read()
    const time = '2026-01-01T00:00:00.000Z'
    const usageBytes = os.totalmem() - 1000 * 1024
    assert.deepEqual(stats.memory, {
      time,
      usageBytes,
      workingSetBytes: usageBytes - 300 * 1024,
      availableBytes: os.totalmem() - usageBytes + 300 * 1024,
      rssBytes: 20 * 1024,
      pageFaults: 44,
      majorPageFaults: 5,
    })
    assert.deepEqual(stats.network, {
      time,
      name: 'ens3',
      rxBytes: 1000,
      rxErrors: 2,
      txBytes: 3000,
      txErrors: 4,
    })
    assert.deepEqual(stats.rlimit, { time, maxpid: 32768, curproc: 345 })
    assert.ok((stats.fs?.capacityBytes ?? 0) > 0)
  } finally {
    await rm(procDir, { recursive: true })
  }
})

test('a machine without /proc is told as far as it is known', async () => {
  const clock = new FakeClock()
  const host = new HostStats({ clock, rootDir: '/nowhere/at/all', procDir: '/nowhere/at/all' })
  const stats = await host.read()
  assert.ok((stats.cpu?.usageCoreNanoSeconds ?? 0) > 0)
  assert.ok((stats.memory?.workingSetBytes ?? 0) > 0)
  assert.deepEqual([stats.fs, stats.network, stats.rlimit], [undefined, undefined, undefined])
})

test('usage per second is known from the second reading on', async () => {
  const clock = new FakeClock()
  const host = new HostStats({ clock, rootDir: '/' })
  assert.equal((await host.read()).cpu?.usageNanoCores, undefined)
  await clock.advance(2000)
  const second = (await host.read()).cpu?.usageNanoCores
  assert.ok(second !== undefined && second >= 0)
  await clock.advance(10)
  assert.equal((await host.read()).cpu?.usageNanoCores, second)
})
