// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildContainer, buildPod } from '../../../../test/support/build-pod.ts'
import { hostPorts, portsCollide } from './host-ports.ts'

describe('hostPorts', () => {
  it('are those of containers and sidecars, by protocol', () => {
    const ports = (hostPort: number, protocol?: string) => ({
      ports: [{ containerPort: 1, hostPort, ...(protocol !== undefined && { protocol }) }],
    })
    const pod = buildPod({
      spec: {
        containers: [buildContainer({ ports: [{ containerPort: 9 }] }), buildContainer(ports(80))],
        initContainers: [
          buildContainer({ ...ports(53, 'UDP'), restartPolicy: 'Always' }),
          buildContainer(ports(81)),
        ],
      },
    })
    assert.deepEqual(
      hostPorts(pod).map(({ key, ip }) => `${key} ${ip}`),
      ['TCP/80 0.0.0.0', 'UDP/53 0.0.0.0'],
    )
  })
})

describe('portsCollide', () => {
  it('sees a port on all addresses collide with the same on any', () => {
    const on = (ip: string, key = 'TCP/80') => [{ key, ip }]
    assert.equal(portsCollide(on('0.0.0.0'), on('10.0.0.1')), true)
    assert.equal(portsCollide(on('10.0.0.1'), on('0.0.0.0')), true)
    assert.equal(portsCollide(on('10.0.0.1'), on('10.0.0.2')), false)
    assert.equal(portsCollide(on('0.0.0.0'), on('0.0.0.0', 'UDP/80')), false)
  })
})
