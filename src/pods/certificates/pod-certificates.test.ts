// SPDX-License-Identifier: Apache-2.0
// Certificates of pods against an API in memory, with a signer that answers when the test says so.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { MemoryKubeClient } from '../../../test/support/memory-kube-client.ts'
import { testPod } from '../../../test/support/test-pods.ts'
import type { RecordedEvent } from '../../kube/event-recorder.ts'
import { nodes, serviceAccounts } from '../../kube/resources.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { wireTime } from '../../util/wire-time.ts'
import { podCertificateRequests, type PodCertificateRequest } from './certificate-request.ts'
import { makeProvenKey } from './key-proof.ts'
import { PodCertificates } from './pod-certificates.ts'

const block = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const place = {
  volume: 'v',
  index: 1,
  projection: { signerName: 'example.com/s', keyType: 'ED25519', maxExpirationSeconds: 3600 },
}

interface Spec {
  readonly podUID: string
  readonly nodeUID: string
  readonly serviceAccountUID: string
  readonly stubPKCS10Request: string
  readonly maxExpirationSeconds: number
}

async function lab() {
  const client = new MemoryKubeClient()
  const clock = new FakeClock()
  const events: RecordedEvent[] = []
  const warnings: object[] = []
  const account = await client.create(serviceAccounts, {
    metadata: { name: 'default', namespace: 'default' },
  })
  const node = await client.create(nodes, { metadata: { name: 'node' }, spec: {} })
  const certificates = new PodCertificates({
    client,
    clock,
    log: { ...silentLogger, warn: (fields) => void warnings.push(fields) },
    nodeName: 'node',
    record: (_pod, event) => void events.push(event),
    random: () => 0.5,
  })
  const requests = async (): Promise<readonly PodCertificateRequest[]> =>
    (await client.list(podCertificateRequests)).items
  /** Answers the request that waits. */
  const answer = async (status: NonNullable<PodCertificateRequest['status']>): Promise<void> => {
    const waiting = (await requests()).find((one) => one.status?.conditions === undefined)
    const { metadata } = waiting ?? assert.fail('no request waits')
    const { namespace = '', name } = metadata
    await client.patch(
      podCertificateRequests,
      { namespace, name },
      { type: 'merge', body: { status } },
    )
  }
  const issue = (refreshInMs: number): Promise<void> =>
    answer({
      conditions: [{ type: 'Issued' }],
      certificateChain: `a comment\n${block}${block}`,
      beginRefreshAt: wireTime(clock.nowMs() + refreshInMs),
      notAfter: wireTime(clock.nowMs() + 20 * refreshInMs),
    })
  /** Asks, and answers what is asked for meanwhile. */
  const until = async <T>(work: Promise<T>, when: () => Promise<void>): Promise<T> => {
    await when()
    const state = { isOver: false }
    const done = work.finally(() => void (state.isOver = true))
    done.catch(() => {})
    while (!state.isOver) {
      await clock.advance(250)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return await done
  }
  const asked = async (count: number): Promise<void> => {
    while ((await requests()).length < count) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    client,
    clock,
    events,
    warnings,
    certificates,
    requests,
    answer,
    issue,
    until,
    asked,
    account,
    node,
  }
}

const pod = testPod({ spec: { serviceAccountName: 'default' } })

test('a pod gets the key of a request that names it, and the chain that the signer gave', async () => {
  const world = await lab()
  const { certificates, clock } = world
  const first = await world.until(certificates.certificateFor(pod, place), async () => {
    await world.asked(1)
    await world.issue(3_600_000)
  })
  assert.equal(first.chain, block + block)
  assert.match(first.key, /^-----BEGIN PRIVATE KEY-----\n/)
  assert.ok(first.refreshAtMs > clock.nowMs() + 3_500_000)
  const [request] = await world.requests()
  const spec = request?.spec as Spec
  assert.equal(spec.podUID, pod.metadata.uid)
  assert.equal(spec.nodeUID, world.node.metadata.uid)
  assert.equal(spec.serviceAccountUID, world.account.metadata.uid)
  assert.equal(spec.maxExpirationSeconds, 3600)
  assert.equal(request?.metadata.ownerReferences?.[0]?.uid, pod.metadata.uid)
  const asked = new x509.Pkcs10CertificateRequest(Buffer.from(spec.stubPKCS10Request, 'base64'))
  const own = createPublicKey(first.key).export({ type: 'spki', format: 'der' })
  assert.deepEqual(Buffer.from(asked.publicKey.rawData), own)
  assert.deepEqual(await certificates.certificateFor(pod, place), first)
  assert.equal((await world.requests()).length, 1)
})

test('a pair is renewed when the signer said so, and serves until the next is there', async () => {
  const world = await lab()
  const { certificates, clock, events } = world
  const first = await world.until(certificates.certificateFor(pod, place), async () => {
    await world.asked(1)
    await world.issue(60_000)
  })
  await clock.advance(60_000 + 150_000)
  const meanwhile = await certificates.certificateFor(pod, place)
  assert.equal(meanwhile.key, first.key)
  assert.equal(meanwhile.refreshAtMs, clock.nowMs() + 15_000)
  assert.equal((await world.requests()).length, 2)
  await clock.advance(700_000)
  await certificates.certificateFor(pod, place)
  await clock.advance(400_000)
  await certificates.certificateFor(pod, place)
  await certificates.certificateFor(pod, place)
  assert.deepEqual(
    events.map(({ reason, message }) => [reason, message]),
    [
      ['CertificateOverdueForRefresh', 'PodCertificate refresh overdue'],
      ['CertificateExpired', 'PodCertificate expired'],
    ],
  )
  await world.issue(60_000)
  const next = await certificates.certificateFor(pod, place)
  assert.notEqual(next.key, first.key)
  assert.equal((await world.requests()).length, 2)
})

test('a renewal that fails is told of at once, tried again less and less often, and the old pair serves', async () => {
  const world = await lab()
  const { certificates, clock, client, events, warnings } = world
  const first = await world.until(certificates.certificateFor(pod, place), async () => {
    await world.asked(1)
    await world.issue(60_000)
  })
  await client.delete(serviceAccounts, { namespace: 'default', name: 'default' })
  await clock.advance(60_000 + 150_000)
  const pauses: number[] = []
  for (let tries = 0; tries < 7; tries++) {
    // Two who ask, and one who asks too early, make one try.
    const asked = [1, 2].map(() => certificates.certificateFor(pod, place))
    const [{ key, refreshAtMs } = assert.fail()] = await Promise.all(asked)
    assert.equal(key, first.key)
    assert.equal((await certificates.certificateFor(pod, place)).refreshAtMs, refreshAtMs)
    pauses.push((refreshAtMs - clock.nowMs()) / 1000)
    assert.equal(warnings.length, tries + 1)
    await clock.advance(refreshAtMs - clock.nowMs())
  }
  assert.deepEqual(pauses, [15, 28.5, 57, 114, 228, 285, 285])
  const failures = events.filter(({ reason }) => reason === 'CertificateRefreshFailed')
  assert.equal(failures.length, 1)
  assert.match(
    failures[0]?.message ?? '',
    /^PodCertificate refresh failed for volume "v": .*not found/,
  )
  await client.create(serviceAccounts, { metadata: { name: 'default', namespace: 'default' } })
  await certificates.certificateFor(pod, place)
  await world.issue(60_000)
  await clock.advance(15_000)
  assert.notEqual((await certificates.certificateFor(pod, place)).key, first.key)
  assert.equal(warnings.length, 7)
})

test('what the signer refuses is refused for good, and told of once', async () => {
  const world = await lab()
  const { certificates, events } = world
  const denied = { type: 'Denied', reason: 'NoWay', message: 'not you' }
  const refusal = {
    message: 'PodCertificateRequest was permanently denied: reason="NoWay" message="not you"',
  }
  await assert.rejects(
    world.until(certificates.certificateFor(pod, place), async () => {
      await world.asked(1)
      await world.answer({ conditions: [denied] })
    }),
    refusal,
  )
  await assert.rejects(certificates.certificateFor(pod, place), refusal)
  assert.equal(events.length, 1)
  assert.equal(events[0]?.reason, 'Denied')
  assert.match(events[0].message, /was denied, reason="NoWay", message="not you"$/)
})

test('a pod waits for a signer that takes its time, with the request that it has made', async () => {
  const world = await lab()
  const { certificates } = world
  const waiting = { message: 'credential bundle is not issued yet' }
  const nothing = async (): Promise<void> => await world.asked(1)
  await assert.rejects(world.until(certificates.certificateFor(pod, place), nothing), waiting)
  await assert.rejects(world.until(certificates.certificateFor(pod, place), nothing), waiting)
  assert.equal((await world.requests()).length, 1)
  await world.issue(60_000)
  assert.equal((await certificates.certificateFor(pod, place)).chain, block + block)
})

test('a request that somebody deletes is made anew', async () => {
  const world = await lab()
  const { certificates, client } = world
  const asking = certificates.certificateFor(pod, place)
  await assert.rejects(
    world.until(asking, async () => {
      await world.asked(1)
      const [{ metadata } = assert.fail()] = await world.requests()
      const { namespace = '', name } = metadata
      await client.delete(podCertificateRequests, { namespace, name })
    }),
    /appears to have been deleted/,
  )
  const again = await world.until(certificates.certificateFor(pod, place), async () => {
    await world.asked(1)
    await world.issue(60_000)
  })
  assert.equal(again.chain, block + block)
})

test('every kind of key of the API comes with a proof that holds', async () => {
  for (const kind of ['RSA3072', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519']) {
    const { keyPem, request } = await makeProvenKey(kind)
    const parsed = new x509.Pkcs10CertificateRequest(request)
    assert.equal(await parsed.verify(), true, kind)
    assert.equal(parsed.subject, '')
    const own = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' })
    assert.deepEqual(Buffer.from(parsed.publicKey.rawData), own, kind)
  }
  await assert.rejects(makeProvenKey('DSA'), { message: 'unknown key type "DSA"' })
})
