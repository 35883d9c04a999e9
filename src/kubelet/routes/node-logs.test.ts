// SPDX-License-Identifier: Apache-2.0
// Node logs: what is below the folder, and by no way anything else.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { startKubelet } from '../../../test/support/kubelet-fixture.ts'
import type { KubeletFixture } from '../../../test/support/kubelet-fixture.ts'
import { journalArgs } from '../node-logs/journal.ts'
import { openBelow } from '../node-logs/log-folder.ts'
import { parseLogQuery } from '../node-logs/log-query.ts'
import { tries } from '../../../test/support/test-size.ts'

describe('/logs/', () => {
  let base: string
  let kubelet: KubeletFixture

  before(async () => {
    base = await mkdtemp(path.join(tmpdir(), 'vk-logs-'))
    const folder = path.join(base, 'log')
    await mkdir(path.join(folder, 'sub/deep'), { recursive: true })
    await mkdir(path.join(base, 'log-other'))
    await writeFile(path.join(base, 'secret'), 'not for you')
    await writeFile(path.join(base, 'log-other/secret'), 'not for you')
    await writeFile(path.join(folder, 'kern.log'), 'kernel\n')
    await writeFile(path.join(folder, 'empty.log'), '')
    await writeFile(path.join(folder, 'sub/app.log'), 'one\ntwo\n')
    await writeFile(path.join(folder, '<b>.log'), '')
    await mkdir(path.join(folder, 'my-service'))
    await writeFile(path.join(folder, 'my-service/my-service.log'), 'served\n')
    await symlink('sub/app.log', path.join(folder, 'link-within'))
    await symlink('../secret', path.join(folder, 'link-out'))
    await symlink('/etc', path.join(folder, 'folder-out'))
    await symlink('../log-other', path.join(folder, 'sibling-out'))
    await symlink('loop', path.join(folder, 'loop'))
    execFileSync('mkfifo', [path.join(folder, 'pipe')])
    kubelet = await startKubelet({ server: { nodeLogs: { folder, hasQuery: true } } })
  })

  after(async () => {
    await kubelet[Symbol.asyncDispose]()
    await rm(base, { recursive: true })
  })

  it('serves files and lists folders, without ever redirecting', async () => {
    const file = await kubelet.ask({ path: '/logs/kern.log' })
    assert.deepEqual([file.status, file.body], [200, 'kernel\n'])
    assert.equal(file.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal((await kubelet.ask({ path: '/logs/sub/app.log' })).body, 'one\ntwo\n')
    assert.equal((await kubelet.ask({ path: '/logs/empty.log' })).body, '')
    assert.equal((await kubelet.ask({ path: '/logs/link-within' })).body, 'one\ntwo\n')
    for (const path of ['/logs', '/logs/']) {
      const list = await kubelet.ask({ path })
      assert.equal(list.status, 200)
      assert.match(list.body, /<a href="sub\/">sub\/<\/a>\n/)
      assert.match(list.body, /<a href="%3Cb%3E.log">&lt;b&gt;.log<\/a>/)
    }
    assert.match((await kubelet.ask({ path: '/logs/sub' })).body, /app\.log/)
  })

  it('leads nowhere else', async () => {
    const ways = [
      '/logs/../secret',
      '/logs/sub/../../secret',
      '/logs/%2e%2e/secret',
      '/logs/..%2fsecret',
      '/logs/link-out',
      '/logs/folder-out/hostname',
      '/logs/folder-out',
      '/logs/sibling-out/secret',
      '/logs//etc/hostname',
      '/logs/pipe',
      '/logs/loop',
      '/logs/kern.log/x',
      '/logs/missing',
      '/logs/kern.log%00.txt',
      '/logs/?query=/../secret',
      '/logs/?query=..\\secret',
      '/logs/?query=/folder-out/hostname',
    ]
    for (const way of ways) {
      const reply = await kubelet.ask({ path: way })
      assert.equal(reply.status, 404, `${way}: ${reply.body}`)
      assert.doesNotMatch(reply.body, /not for you/)
    }
  })

  it('never opens anything outside, whatever the path', async () => {
    const folder = path.join(base, 'log')
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'sub',
      'link-out',
      'folder-out',
      'secret',
      '/',
      'loop',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
        const entry = await openBelow(folder, parts.join('/')).catch(() => undefined)
        if (entry?.kind !== 'file') return
        const text = await entry.handle.readFile('utf8')
        await entry.handle.close()
        assert.notEqual(text, 'not for you')
      }),
      { numRuns: tries(200, 40) },
    )
  })

  it('answers queries for a file or a service, in the words of the kubelet', async () => {
    const ask = async (query: string) => await kubelet.ask({ path: `/logs/?${query}` })
    assert.equal((await ask('query=/kern.log')).body, 'kernel\n')
    assert.equal((await ask('query=my-service')).body, 'served\n')
    assert.match((await ask('query=my-service&tailLines=1')).body, /try without specifying options/)
    assert.equal((await ask('query=unheard-of')).body, '\nlog not found for unheard-of\n')
    for (const [query, status] of [
      ['query=%20', 400],
      ['query=x&sinceTime=yesterday', 400],
      ['query=x&tailLines=many', 400],
      ['query=x&tailLines=100001', 406],
      ['query=x&boot=1', 406],
      ['query=a;reboot', 406],
      ['query=x&query=/y', 406],
      ['tailLines=1', 406],
      ['query=x&sinceTime=2026-01-02T00:00:00Z&untilTime=2026-01-01T00:00:00Z', 406],
    ] as const) {
      assert.equal((await ask(query)).status, status, query)
    }
    assert.equal((await kubelet.ask({ path: '/logs/sub?query=x' })).status, 406)
  })

  it('passes to the journal nothing that could be taken for a flag', () => {
    fc.assert(
      fc.property(fc.constantFrom('x', '-x', '--x', 'a=b', 'x y'), fc.string(), (unit, pattern) => {
        const parsed = parseLogQuery(new URLSearchParams({ query: unit, pattern }))
        if (parsed.kind !== 'query') return
        for (const arg of journalArgs(parsed.query)) assert.match(arg, /^--[a-z-]+(=|$)/)
      }),
    )
    const query = new URLSearchParams('query=kubelet&tailLines=5&pattern=--file=/x&boot=-1')
    const parsed = parseLogQuery(query)
    assert.ok(parsed.kind === 'query')
    assert.deepEqual(journalArgs(parsed.query).slice(3), [
      '--lines=5',
      '--unit=kubelet',
      '--grep=--file=/x',
      '--case-sensitive=false',
      '--boot=-1',
    ])
  })
})

it('/logs/ without a query setting ignores queries; without any it is off', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'vk-logs-'))
  await writeFile(path.join(folder, 'a.log'), 'a')
  await using plain = await startKubelet({ server: { nodeLogs: { folder, hasQuery: false } } })
  assert.equal((await plain.ask({ path: '/logs/a.log?query=x' })).body, 'a')
  await using off = await startKubelet()
  const reply = await off.ask({ path: '/logs/a.log' })
  assert.deepEqual([reply.status, reply.body], [405, 'logs endpoint is disabled.'])
  await rm(folder, { recursive: true })
})
