// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { declaredPodFeatures } from './declared-pod-features.ts'

test('a node declares that all containers can be started anew where every rule is followed', () => {
  assert.deepEqual(declaredPodFeatures({ containerRestartRules: true }), [
    'RestartAllContainersOnContainerExits',
  ])
  assert.deepEqual(declaredPodFeatures({ containerRestartRules: { only: 'to restart' } }), [])
  assert.deepEqual(declaredPodFeatures({}), [])
})

test('a node declares that init containers are resized in place where running ones are', () => {
  const features = { 'resources.resize': true }
  assert.deepEqual(declaredPodFeatures(features), ['InPlacePodVerticalScalingInitContainers'])
})

test('a node declares that pods are resized as a whole where its provider does that', () => {
  const features = { 'resources.podLevelResize': true }
  assert.deepEqual(declaredPodFeatures(features), ['InPlacePodLevelResourcesVerticalScaling'])
})
