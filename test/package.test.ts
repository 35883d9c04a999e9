// SPDX-License-Identifier: Apache-2.0
// What people install: the packed package works in an empty folder, and on a Node that is too old the
// command says so in one line.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

function temporaryFolder(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'vk-package-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

// Ten seconds of a core's work.
const leftToCI = process.env['VK_TEST_FULL'] ? false : 'left to CI, or VK_TEST_FULL=1'

test(
  'the packed package installs into an empty folder and its command works',
  { skip: leftToCI },
  async () => {
    using folder = temporaryFolder()
    const npm = (...args: string[]) => run('npm', args, { cwd: folder.path, timeout: 300_000 })
    await run('npm', ['pack', '--pack-destination', folder.path], { cwd: root, timeout: 300_000 })
    const [tarball] = readdirSync(folder.path).filter((file) => file.endsWith('.tgz'))
    assert.ok(tarball)
    writeFileSync(join(folder.path, 'package.json'), '{ "private": true }')
    await npm(
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      `./${tarball}`,
    )

    const command = join(folder.path, 'node_modules/.bin/virtual-kubelet')
    const { stdout } = await run(process.execPath, [command, 'version'])
    assert.match(stdout, /^virtual-kubelet \d+\.\d+\.\d+ \(kubelet v\d+\.\d+\.\d+-vk-/)
    const providers = await run(process.execPath, [command, 'providers'])
    assert.match(providers.stdout, /^mock +\S/m)
    assert.match(providers.stdout, /^process +\S/m)

    const installed = join(folder.path, 'node_modules/virtual-kubelet')
    assert.deepEqual(
      readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((file) =>
        file.includes('.test.'),
      ),
      [],
      'tests are not shipped',
    )
    for (const entry of ['provider', 'runtime', 'testing']) {
      assert.ok(existsSync(join(installed, `dist/${entry}/index.d.ts`)), `types of ./${entry}`)
      const code = `import('virtual-kubelet/${entry}').then((it) => console.log(Object.keys(it).length))`
      const { stdout: count } = await run(process.execPath, ['-e', code], { cwd: folder.path })
      assert.ok(Number(count) > 0, `virtual-kubelet/${entry} exports something`)
    }
  },
)

test('an older Node prints the version it needs in one line and exits 2', () => {
  using folder = temporaryFolder()
  const pretend = join(folder.path, 'old-node.cjs')
  const versions = "{ ...process.versions, node: '18.20.0' }"
  writeFileSync(pretend, `Object.defineProperty(process, 'versions', { value: ${versions} })`)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--require', pretend, join(root, 'bin/virtual-kubelet.js'), 'version'],
    { encoding: 'utf8' },
  )
  assert.equal(status, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /^virtual-kubelet needs Node\.js 24 or newer; this is 18\.20\.0\..*\n$/)
})
