// SPDX-License-Identifier: Apache-2.0
//
// The network that pods are in: the engine's, one that somebody made, one that this node makes and removes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import type { Pod } from '../../src/kube/types.gen.ts'
import { ProviderFixture, refOf } from '../../src/testing/provider-fixture.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

const network = 'vk-test-pods'

/** What a pod is answered by another one's port. */
async function ask(fixture: ProviderFixture, from: Pod, address: string): Promise<string> {
  const { provider, context } = fixture
  // busybox's wget breaks down where it is linked statically.
  const request = `printf 'GET /group HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${address} 8000`
  const command = ['sh', '-c', request]
  const streams = { stdin: false, stdout: true, stderr: false, tty: false }
  const exec = await provider.exec?.(refOf(from), 'c0', { command, ...streams }, context)
  assert.ok(exec?.stdout)
  return await text(exec.stdout)
}

describeEngines('the network', (engine) => {
  const open = (config: object): Promise<ProviderFixture> =>
    ProviderFixture.open(engine.options(config))
  const names = async (): Promise<readonly string[]> =>
    (await engine.daemon.api.networks()).map(({ Name }) => Name)
  /** A node that leaves does not wait for long for what it has removed. */
  const untilNone = async (): Promise<void> => {
    assert.deepEqual(await engine.daemon.api.leftovers(), [])
  }

  test('one that is missing is made, joins pods, and goes with the last of them', async () => {
    {
      await using fixture = await open({ network })
      assert.deepEqual(await names(), [], 'nothing is made before it is needed')
      const serve = `httpd -p 8000 -h /etc; ${untilStopped}`
      const [one, other] = [fixture.pod(script(serve)), fixture.pod(script(untilStopped))]
      const [{ podIPs }] = await Promise.all([fixture.run(one), fixture.run(other)])
      assert.deepEqual(await names(), [network])
      const [address = ''] = podIPs
      const untilMs = performance.now() + fixture.timeoutMs
      while (!(await ask(fixture, other, address)).includes('extra:x:2000:user')) {
        assert.ok(performance.now() < untilMs, 'the pods do not reach each other')
      }
      await fixture.restart()
      assert.deepEqual(await names(), [network], 'pods that run on keep it')
      await fixture.create(one)
      await fixture.create(other)
    }
    await untilNone()
  })

  test('one that somebody made is used and stays', async () => {
    const { api } = engine.daemon
    const body = { Name: network, CheckDuplicate: true, Driver: 'bridge' }
    await api.call('POST', '/networks/create', body)
    try {
      await using fixture = await open({ network })
      await fixture.run(fixture.pod(script(untilStopped)))
      assert.deepEqual(await names(), [])
    } finally {
      const all = await api.call<readonly { Name: string }[]>('GET', '/networks')
      assert.ok(all.some(({ Name }) => Name === network))
      await api.call('DELETE', `/networks/${network}`)
    }
  })

  test('one that somebody removes between two pods is made again', async () => {
    await using fixture = await open({ network })
    const first = fixture.pod(script(untilStopped))
    await fixture.run(first)
    await fixture.delete(first, 0)
    await fixture.until(first, 'has ended', ({ hasEnded }) => hasEnded)
    await fixture.provider.cleanUpPod?.(refOf(first), fixture.context)
    await engine.daemon.api.call('DELETE', `/networks/${network}`)
    await fixture.run(fixture.pod(script(untilStopped)))
    assert.deepEqual(await names(), [network])
  })

  test('the host’s is not to be had by this name', async () => {
    for (const name of ['host', 'none', 'container:x', 'ns:/proc/1/ns/net']) {
      await assert.rejects(
        ProviderFixture.open(engine.options({ network: name })),
        /"network" must be the name of a network/,
      )
    }
  })
})
