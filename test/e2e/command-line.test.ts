// SPDX-License-Identifier: Apache-2.0
//
// What a user does wrong is answered with exit code 2 and one line that says what.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import { START_COMMAND } from './virtual-kubelet.ts'

describe('virtual-kubelet start', { skip: skipReason }, () => {
  const cluster = useCluster({ scheduler: false })

  async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [program, ...words] = START_COMMAND
    const rootDir = join(cluster().files.folder, 'root')
    const flags = ['--healthz-port', '0', '--root-dir', rootDir]
    const child = spawn(program, [...words, ...flags, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, KUBECONFIG: cluster().kubeconfig, ...env },
      timeout: 120_000,
    })
    const [stderr, [code]] = await Promise.all([
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ])
    // What it logged before it came to the mistake is no part of the answer.
    const lines = stderr.trimEnd().split('\n')
    return { code, lines: lines.filter((line) => !/^\d{4}-\S+ INFO /.test(line)) }
  }

  async function assertRefused(args: readonly string[], why: RegExp, env: NodeJS.ProcessEnv = {}) {
    const { code, lines } = await run(args, env)
    assert.equal(code, 2, lines.join('\n'))
    assert.match(lines.join('\n'), why)
    // The line that says what, and at most one that says what to do.
    assert.ok(lines.length <= 2, lines.join('\n'))
    assert.doesNotMatch(lines.join('\n'), /^\s+at /m)
  }

  const mock = ['--provider', 'mock']

  test('refuses flags that do not exist, and values that make no sense', async () => {
    await assertRefused([...mock, '--no-such-flag'], /--no-such-flag/)
    await assertRefused([...mock, '--kubelet-port', 'many'], /--kubelet-port.*many/)
    await assertRefused([...mock, '--node-ip', '300.1.1.1'], /300\.1\.1\.1/)
    await assertRefused([...mock, '--nodename', 'No_Name'], /No_Name|DNS name/)
    await assertRefused([...mock, '--feature-check', 'perhaps'], /feature-check|perhaps/)
  })

  test('refuses to start without a provider, or with one that is not there', async () => {
    await assertRefused([], /provider/)
    await assertRefused(['--provider', 'teleport'], /teleport/)
  })

  test('refuses configuration that is not there, or is wrong in one place', async () => {
    await assertRefused([...mock, '--provider-config', '/nonexistent.yaml'], /nonexistent\.yaml/)
    const file = join(cluster().files.folder, 'wrong.yaml')
    writeFileSync(file, 'provider: mock\nkubeletprot: 1\n')
    await assertRefused(['--config', file], /line 2.*kubeletprot.*did you mean "kubeletPort"/)
    await assertRefused(mock, /nonexistent/, { KUBECONFIG: '/nonexistent' })
  })

  test('refuses a root directory that another process uses, and names it', async () => {
    const first = await cluster().startVirtualKubelet(mock, { nodeName: 'first' })
    const args = [
      ...mock,
      '--nodename',
      'first',
      '--root-dir',
      first.rootDir,
      '--kubelet-port',
      '0',
    ]
    await assertRefused(args, new RegExp(`\\b${first.pid}\\b`))
    assert.equal(first.hasExited(), false)
  })
})
