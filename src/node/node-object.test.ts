// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeDescription } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import {
  checkDescription,
  descriptionObstacles,
  desiredNode,
  refusedLabels,
} from './node-object.ts'
import type { NodeOptions } from './node-options.ts'

const options: NodeOptions = {
  name: 'n',
  providerName: 'mock',
  os: 'linux',
  nodeIPs: ['10.0.0.1', 'fd00::1'],
  kubeletPort: 10_250,
  kubeletVersion: 'v1.36.3-vk-0.1.0',
  machine: {
    machineID: 'm',
    systemUUID: 's',
    bootID: 'b',
    kernelVersion: '6',
    osImage: 'Linux',
    architecture: 'amd64',
  },
}
const capacity = { cpu: '4', memory: '1Gi', pods: '110', 'ephemeral-storage': '1Gi' }

function desire(description: Partial<NodeDescription>, given: Partial<NodeOptions> = {}) {
  return desiredNode(
    { ...options, ...given },
    { description: { capacity, runtimeVersion: 'mock://1', ...description }, obstacles: [] },
  )
}

test('lets the backend speak for the machine behind the node', () => {
  const node = desire({
    nodeInfo: { architecture: 'arm64', osImage: 'Cloud' },
    addresses: [
      { type: 'InternalIP', address: '10.9.9.9' },
      { type: 'InternalIP', address: '10.9.9.9' },
    ],
  })
  assert.equal(node.labels['kubernetes.io/arch'], 'arm64')
  assert.equal(node.labels['beta.kubernetes.io/arch'], 'arm64')
  assert.equal(node.status.nodeInfo.osImage, 'Cloud')
  assert.equal(node.status.nodeInfo.machineID, 'm')
  assert.deepEqual(node.status.addresses, [{ type: 'InternalIP', address: '10.9.9.9' }])
})

test('has all ten facts of nodeInfo as strings, before any description too', () => {
  const { nodeInfo } = desiredNode(options, { description: undefined, obstacles: [] }).status
  assert.equal(Object.keys(nodeInfo).length, 10)
  for (const value of Object.values(nodeInfo)) assert.equal(typeof value, 'string')
})

test('lets the person override the backend, in labels and in the number of pods', () => {
  const node = desire(
    { labels: { team: 'backend', os: 'x' } },
    { labels: { team: 'mine' }, maxPods: 7 },
  )
  assert.equal(node.labels['team'], 'mine')
  assert.equal(node.labels['os'], 'x')
  assert.equal(node.status.capacity?.['pods'], '7')
  assert.equal(node.status.allocatable?.['pods'], '7')
})

test('leaves out labels of the backend that a node may not give itself', () => {
  const labels = { 'node-role.kubernetes.io/gpu': '', fine: 'x' }
  assert.deepEqual(refusedLabels({ capacity, runtimeVersion: '', labels }), [
    'node-role.kubernetes.io/gpu',
  ])
  assert.equal('node-role.kubernetes.io/gpu' in desire({ labels }).labels, false)
})

test('shortens a long name to what a label can hold', () => {
  const name = `${'a'.repeat(62)}.example.com`
  assert.equal(desire({}, { name }).labels['kubernetes.io/hostname'], 'a'.repeat(62))
})

test('is not ready without the four resources that the scheduler needs', () => {
  const poor = { capacity: { cpu: '1', memory: '1Gi' }, runtimeVersion: '' }
  assert.deepEqual(descriptionObstacles(poor), [
    'provider did not report capacity of pods, ephemeral-storage',
  ])
  assert.deepEqual(descriptionObstacles({ capacity, runtimeVersion: '' }), [])
})

test('refuses amounts that the API would refuse', () => {
  assert.throws(
    () => checkDescription({ capacity: { cpu: 'four' }, runtimeVersion: '' }),
    (error) => error instanceof VkError && error.code === 'Invalid',
  )
})
