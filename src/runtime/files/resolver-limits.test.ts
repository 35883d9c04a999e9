// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RecordedEvent } from '../../kube/event-recorder.ts'
import { checkResolver, resolverProblem } from './resolver-limits.ts'

const domains = (count: number, length = 8): string =>
  Array.from({ length: count }, (_, index) => `${index}`.padStart(length, 'a')).join(' ')

test('a search list that leaves no room for the cluster’s domains is told of', () => {
  const told = (search: string, hasDomain = true): string | undefined =>
    resolverProblem(`nameserver 1.1.1.1\nsearch ${search}\n`, {
      file: '/etc/resolv.conf',
      hasDomain,
    })
  assert.equal(told(domains(29)), undefined)
  assert.equal(
    told(domains(30)),
    "Resolv.conf file '/etc/resolv.conf' contains search line consisting of more than 29 domains!",
  )
  assert.equal(told(domains(32), false), undefined)
  assert.match(told(domains(33), false) ?? '', /more than 32 domains!$/)
  assert.equal(
    told(domains(1, 254)),
    'Resolv.conf file "/etc/resolv.conf" contains a search path which length is more than allowed 253 chars!',
  )
  assert.equal(
    told(domains(9, 250)),
    "Resolv.conf file '/etc/resolv.conf' contains search line which length is more than allowed 2048 chars!",
  )
  assert.match(
    resolverProblem('nameserver\n', { file: '/etc/resolv.conf', hasDomain: true }) ?? '',
    /nameserver list is empty/,
  )
})

test('the file that was named is looked at, and where it is not there that is told', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vk-resolver-'))
  const events: RecordedEvent[] = []
  const look = async (resolvConf: string): Promise<void> => {
    const dns = { clusterDomain: 'cluster.local', clusterDNS: [], resolvConf }
    await checkResolver({ dns, recordNodeEvent: (event) => void events.push(event) })
  }
  try {
    const file = join(dir, 'resolv.conf')
    await look('')
    await writeFile(file, 'search a b\n')
    await look(file)
    assert.equal(events.length, 0)
    await look(join(dir, 'none'))
    const message = `open ${dir}/none: no such file or directory`
    assert.deepEqual(events, [{ type: 'Warning', reason: 'CheckLimitsForResolvConf', message }])
    await writeFile(file, `search ${domains(40)}\n`)
    await look(file)
    assert.match(events[1]?.message ?? '', /more than 29 domains/)
  } finally {
    await rm(dir, { recursive: true })
  }
})
