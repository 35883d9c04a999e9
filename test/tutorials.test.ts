// SPDX-License-Identifier: Apache-2.0
// The tutorials that need nothing but Node.js, executed as they stand. Those with kubectl are in test/e2e.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTutorial, tutorialSteps } from './support/tutorial.ts'

test('docs/tutorials/batch.md does what it says', async () => {
  await runTutorial('batch')
})

test('the steps of a page are its commands with the output that is shown', () => {
  const page =
    '# T\n```sh\na\nb\n```\ntext\n```text\nx\ny\n```\n```yaml\nk: v\n```\n```sh\nc\n```\n'
  assert.deepEqual(tutorialSteps(page), [
    { commands: 'a\nb\n', expected: ['x', 'y'] },
    { commands: 'c\n', expected: [] },
  ])
})
