// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { piece } from '../../../test/support/encode-protobuf.ts'
import { StatusError } from '../objects/api-status.ts'
import { decodeProtobuf } from './decode-protobuf.ts'
import {
  recordedBudget,
  recordedLease,
  recordedPod,
  recordedSlice,
} from '../../../test/support/recorded-bodies.ts'
import { tries } from '../../../test/support/test-size.ts'

function body(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const identity = Buffer.concat([piece(1, Buffer.from(apiVersion)), piece(2, Buffer.from(kind))])
  return Buffer.concat([Buffer.from('k8s\0'), piece(1, identity), piece(2, raw)])
}

const refuses = (bytes: Buffer, message: RegExp | string): void => {
  assert.throws(
    () => decodeProtobuf(bytes),
    (error) => {
      assert.ok(error instanceof StatusError, String(error))
      assert.equal(error.code, 400)
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      return true
    },
  )
}

test('keeps zeros that JSON keeps and drops those that it omits', () => {
  const { metadata, ...budget } = decodeProtobuf(recordedBudget)
  assert.equal((metadata as { name: string }).name, 'pdb2')
  assert.deepEqual(budget, {
    kind: 'PodDisruptionBudget',
    apiVersion: 'policy/v1',
    spec: { selector: { matchLabels: { app: 'web2' } }, maxUnavailable: '25%' },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
      conditions: [
        {
          type: 'DisruptionAllowed',
          status: 'False',
          observedGeneration: 1,
          lastTransitionTime: '2026-11-25T10:03:59Z',
          reason: 'InsufficientPods',
          message: '',
        },
      ],
    },
  })
})

test('reads times to the microsecond', () => {
  assert.deepEqual(decodeProtobuf(recordedLease)['spec'], {
    holderIdentity: 'me',
    leaseDurationSeconds: 40,
    acquireTime: '2026-01-02T03:04:05.123456Z',
    renewTime: '2026-01-02T03:04:05.000001Z',
  })
})

test('keeps structs that are empty', () => {
  const { endpoints, ports } = decodeProtobuf(recordedSlice)
  assert.deepEqual(endpoints, [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: true },
      targetRef: { kind: 'Pod', namespace: 'shop', name: 'x' },
      nodeName: 'n1',
      zone: 'z',
    },
    { addresses: ['10.0.0.2'], conditions: {} },
    { addresses: ['10.0.0.3'], conditions: {} },
    { addresses: ['10.0.0.4'], conditions: {} },
  ])
  assert.deepEqual((ports as unknown[])[1], { name: 'b', protocol: 'UDP' })
})

test('reads a pod with all that JSON has in another place', () => {
  const spec = decodeProtobuf(recordedPod)['spec'] as Record<string, unknown>
  const [container = {}] = spec['containers'] as Record<string, unknown>[]
  const probe = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1 }
  assert.deepEqual(container['readinessProbe'], {
    ...probe,
    tcpSocket: { port: 80 },
    failureThreshold: 7,
  })
  const secretKeyRef = { name: 's1', key: 'user', optional: true }
  assert.deepEqual((container['env'] as unknown[])[2], { name: 'S', valueFrom: { secretKeyRef } })
  assert.deepEqual((container['envFrom'] as unknown[])[0], {
    prefix: 'P_',
    configMapRef: { name: 'cm1', optional: false },
  })
  assert.deepEqual((container['resources'] as Record<string, unknown>)['limits'], {
    cpu: '1',
    memory: '128Mi',
  })
  const [emptyDir, configMap] = spec['volumes'] as unknown[]
  assert.deepEqual(emptyDir, { name: 'e', emptyDir: { medium: 'Memory', sizeLimit: '10Mi' } })
  assert.deepEqual(configMap, {
    name: 'cmv',
    configMap: { name: 'cm1', items: [{ key: 'a', path: 'b', mode: 420 }], defaultMode: 256 },
  })
  const security = spec['securityContext'] as Record<string, unknown>
  assert.deepEqual(security['supplementalGroups'], [1, 2, 2147483647])
  assert.equal(spec['hostNetwork'], undefined)
})

test('reads options of a delete in any group', () => {
  const raw = Buffer.concat([
    Buffer.from([0x08, 0]),
    piece(2, piece(1, Buffer.from('u-1'))),
    piece(4, Buffer.from('Orphan')),
    piece(5, Buffer.from('All')),
  ])
  assert.deepEqual(decodeProtobuf(body('apps/v1', 'DeleteOptions', raw)), {
    kind: 'DeleteOptions',
    apiVersion: 'apps/v1',
    gracePeriodSeconds: 0,
    preconditions: { uid: 'u-1' },
    propagationPolicy: 'Orphan',
    dryRun: ['All'],
  })
})

test('reads bytes, maps and lists within maps', () => {
  const entry = Buffer.concat([piece(1, Buffer.from('k')), piece(2, Buffer.from([0, 255]))])
  const secret = decodeProtobuf(body('v1', 'Secret', piece(2, entry)))
  assert.deepEqual(secret['data'], { k: 'AP8=' })
  const values = Buffer.concat([piece(1, Buffer.from('a')), piece(1, Buffer.from('b'))])
  const extra = Buffer.concat([piece(1, Buffer.from('scopes')), piece(2, values)])
  const review = decodeProtobuf(
    body('authorization.k8s.io/v1', 'SubjectAccessReview', piece(2, piece(5, extra))),
  )
  assert.deepEqual(review['spec'], { extra: { scopes: ['a', 'b'] } })
})

test('keeps a key named __proto__ as data', () => {
  const entry = Buffer.concat([piece(1, Buffer.from('__proto__')), piece(2, Buffer.from('x'))])
  const { data } = decodeProtobuf(body('v1', 'ConfigMap', piece(2, entry)))
  assert.deepEqual(Object.entries(data as object), [['__proto__', 'x']])
})

test('joins the parts of a message that comes in pieces, and takes the last of a text', () => {
  const raw = Buffer.concat([
    piece(1, piece(1, Buffer.from('first'))),
    piece(1, piece(3, Buffer.from('shop'))),
    piece(1, piece(1, Buffer.from('second'))),
  ])
  const { metadata } = decodeProtobuf(body('v1', 'ConfigMap', raw))
  assert.deepEqual(metadata, { name: 'second', namespace: 'shop' })
})

test('reads numbers of a list one by one or packed', () => {
  const groups = Buffer.concat([Buffer.from([0x20, 1]), piece(4, Buffer.from([2, 0xac, 0x02]))])
  const spec = piece(14, groups)
  const pod = decodeProtobuf(body('v1', 'Pod', piece(2, spec)))
  const { securityContext } = pod['spec'] as { securityContext: unknown }
  assert.deepEqual(securityContext, { supplementalGroups: [1, 2, 300] })
})

test('reads negative numbers', () => {
  const minusFive = Buffer.from([0x10, 0xfb, ...Array<number>(8).fill(0xff), 0x01])
  const found = decodeProtobuf(body('scheduling.k8s.io/v1', 'PriorityClass', minusFive))
  assert.equal(found['value'], -5)
})

test('passes over fields that it does not know', () => {
  const raw = Buffer.concat([
    Buffer.from([0xa0, 0x06, 0x05]),
    piece(101, Buffer.from('new')),
    piece(1, piece(1, Buffer.from('n'))),
  ])
  assert.deepEqual(decodeProtobuf(body('v1', 'ConfigMap', raw))['metadata'], { name: 'n' })
})

test('passes over groups', () => {
  const raw = Buffer.concat([
    Buffer.from([0xa3, 6, 0xab, 6, 0x08, 1, 0xac, 6, 0xa4, 6]),
    piece(1, piece(1, Buffer.from('n'))),
  ])
  assert.deepEqual(decodeProtobuf(body('v1', 'ConfigMap', raw))['metadata'], { name: 'n' })
})

test('takes the expected kind where the body has none', () => {
  const expected = { apiVersion: 'v1', kind: 'ConfigMap' }
  assert.deepEqual(decodeProtobuf(body('', '', Buffer.alloc(0)), expected), {
    kind: 'ConfigMap',
    apiVersion: 'v1',
  })
})

test('says what is wrong with an envelope', () => {
  refuses(Buffer.alloc(0), 'empty data')
  refuses(Buffer.from('k8s\0'), 'empty body')
  const mismatch =
    'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]'
  refuses(Buffer.from('{"kind":"Pod"}'), mismatch)
  refuses(body('v1', '', Buffer.alloc(0)), "Object 'Kind' is missing")
  refuses(body('', 'Pod', Buffer.alloc(0)), "Object 'apiVersion' is missing")
  const expected = { apiVersion: 'v1', kind: 'ConfigMap' }
  const sentence = (bytes: Buffer): string => {
    try {
      return JSON.stringify(decodeProtobuf(bytes, expected))
    } catch (error) {
      return error instanceof StatusError ? error.message : String(error)
    }
  }
  const prefix = 'the object provided is unrecognized (must be of type ConfigMap): '
  assert.equal(
    sentence(Buffer.from('hello world')),
    `${prefix}${mismatch} (68656c6c6f20776f726c64)`,
  )
  assert.equal(sentence(Buffer.alloc(0)), `${prefix}empty data (<empty>)`)
  assert.equal(
    sentence(body('x/v1', 'Toaster', Buffer.alloc(0))),
    'Toaster in version "v1" cannot be handled as a ConfigMap: no kind "Toaster" is registered for version "x/v1" in scheme "pkg/runtime/scheme.go:111"',
  )
})

test('says what is wrong with a message', () => {
  const pod = (raw: readonly number[]): Buffer => body('v1', 'Pod', Buffer.from(raw))
  const prefix = 'Pod in version "v1" cannot be handled as a Pod: '
  refuses(pod([0x0a, 0x05, 1]), `${prefix}unexpected EOF`)
  refuses(pod([0x08, 0x05]), `${prefix}proto: wrong wireType = 0 for field ObjectMeta`)
  refuses(pod([0x00]), `${prefix}proto: Pod: illegal tag 0 (wire type 0)`)
  refuses(pod([0x0c]), `${prefix}proto: Pod: wiretype end group for non-group`)
  refuses(pod([0xa7, 6]), `${prefix}proto: illegal wireType 7`)
  refuses(pod([0xa3, 6, 0x08]), `${prefix}unexpected EOF`)
  refuses(pod(Array<number>(12).fill(0xff)), `${prefix}proto: integer overflow`)
  refuses(
    pod([0x0a, ...Array<number>(9).fill(0xff), 0x01]),
    `${prefix}proto: negative length found during unmarshaling`,
  )
  refuses(pod([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]), `${prefix}unexpected EOF`)
})

test('refuses a time beyond the year 9999 and JSON that is none', () => {
  const seconds = Buffer.from([0x08, ...Array<number>(8).fill(0xff), 0x7f])
  const metadata = piece(1, piece(8, seconds))
  refuses(body('v1', 'ConfigMap', metadata), /year outside of range/)
  const data = piece(2, piece(1, Buffer.from('{')))
  refuses(body('apps/v1', 'ControllerRevision', data), /JSON inside cannot be read/)
})

test('bounds the number of values, however small they are', () => {
  const container = piece(2, Buffer.alloc(0))
  const spec = Buffer.concat(Array<Buffer>(600_000).fill(container))
  refuses(body('v1', 'Pod', piece(2, spec)), /more than 500000 values/)
})

test('answers or refuses whatever bytes come', () => {
  const kinds = ['Pod', 'Secret', 'Node', 'Event', 'PersistentVolume', 'Status']
  const flipped = fc
    .tuple(fc.nat(recordedPod.length - 1), fc.nat(255))
    .map(([at, value]) => Buffer.from(recordedPod).fill(value, at, at + 1))
  const random = fc
    .tuple(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 60 }))
    .map(([kind, raw]) => body('v1', kind, Buffer.from(raw)))
  const cut = fc.nat(recordedPod.length).map((length) => recordedPod.subarray(0, length))
  fc.assert(
    fc.property(fc.oneof(random, flipped, cut), (bytes) => {
      try {
        assert.equal(typeof decodeProtobuf(bytes)['kind'], 'string')
      } catch (error) {
        assert.ok(error instanceof StatusError && error.code === 400, String(error))
      }
    }),
    { numRuns: tries(2000, 400) },
  )
})
