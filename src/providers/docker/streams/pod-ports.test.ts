// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDeafPort } from '../../../../test/support/deaf-port.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { connectToPod } from './pod-ports.ts'

const canEnter = process.platform === 'linux' && process.getuid?.() === 0

test(
  'a client that leaves while its port is being connected takes the relay along',
  { skip: !canEnter && 'only root enters network namespaces' },
  async () => {
    await using deaf = await openDeafPort()
    const client = new AbortController()
    const ports = {
      podIPs: [],
      sandboxPid: process.pid,
      clock: new FakeClock(),
      execInPod: () => assert.fail('the relay is a process of this machine'),
    }
    const connection = connectToPod(deaf.port, ports, { signal: client.signal })
    client.abort(new Error('gone'))
    // It settles when the process has ended.
    await assert.rejects(connection, { message: 'gone' })
  },
)
