// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { defaultProfile } from './default-profile.ts'
import { FilterStore, filterArchitecture } from './filter-store.ts'
import { failsWith, verdicts, type SeccompProfile } from './seccomp-profile.ts'

const skip = filterArchitecture() === undefined && 'no filters on this system'

suite('files of seccomp filters', { skip }, () => {
  const shell = '/bin/sh'

  test('run a program that finds the calls of the profile refused, and its own things in place', async () => {
    await using dir = await temporaryDir()
    const store = FilterStore.open(dir.path, { shell })
    assert.ok(store, 'filters work on this machine')
    const noUmask: SeccompProfile = {
      otherwise: verdicts.allow,
      rules: [{ names: ['chdir'], verdict: failsWith(13), tests: [] }],
    }
    const script = 'cd /tmp; echo "$1 $NAME $?"; grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status'
    const run = (profile: SeccompProfile) =>
      spawnSync(store.filesOf(profile).starter, [shell, '-c', script, 'sh', 'word'], {
        env: { NAME: 'value', PATH: process.env['PATH'] },
        encoding: 'utf8',
      })
    assert.match(run(noUmask).stdout, /word value [12]\nNoNewPrivs:\t1\nSeccomp:\t2/)
    assert.match(run(defaultProfile([])).stdout, /word value 0\nNoNewPrivs:\t1\nSeccomp:\t2/)
  })

  test('are made once for each profile, whoever asks', async () => {
    await using dir = await temporaryDir()
    const [first, second] = [1, 2].map(() => FilterStore.open(dir.path, { shell }))
    assert.deepEqual(first?.filesOf(defaultProfile([])), second?.filesOf(defaultProfile([])))
    assert.equal(readdirSync(dir.path).length, 2)
    first?.filesOf(defaultProfile(['SYS_TIME']))
    assert.equal(readdirSync(dir.path).length, 4)
    const { program } = first?.filesOf(defaultProfile([])) ?? assert.fail()
    assert.equal(readFileSync(program).length % 8, 0)
  })

  test('can be run by anybody, whatever our umask', async () => {
    await using dir = await temporaryDir()
    const umask = process.umask(0o077)
    try {
      const { starter, program } =
        FilterStore.open(dir.path, { shell })?.filesOf(defaultProfile([])) ?? assert.fail()
      assert.equal(statSync(starter).mode & 0o777, 0o755)
      assert.equal(statSync(program).mode & 0o777, 0o644)
    } finally {
      process.umask(umask)
    }
  })

  test('tell by their status that a program is not there', async () => {
    await using dir = await temporaryDir()
    const { starter } =
      FilterStore.open(dir.path, { shell })?.filesOf(defaultProfile([])) ?? assert.fail()
    assert.equal(spawnSync(starter, ['/no/such/program']).status, 126)
    assert.equal(spawnSync(starter, []).status, 126)
  })
})

async function temporaryDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'vk-filters-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}
