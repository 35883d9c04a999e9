// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endToEndHeaders } from './passed-headers.ts'

test('headers about the connection end here, and those that it names', () => {
  const headers = {
    ':authority': 'api',
    accept: 'text/plain',
    connection: 'Keep-Alive, X-Mine',
    'keep-alive': 'timeout=5',
    'proxy-authorization': 'Basic x',
    'proxy-connection': 'keep-alive',
    te: 'gzip',
    trailer: 'x-sum',
    'transfer-encoding': 'chunked',
    upgrade: 'h2c',
    'x-mine': '1',
    'x-other': ['1', '2'],
  }
  assert.deepEqual(endToEndHeaders(headers), { accept: 'text/plain', 'x-other': ['1', '2'] })
})

test('that trailers are understood is passed on', () => {
  assert.deepEqual(endToEndHeaders({ connection: 'te', te: 'gzip, Trailers' }), { te: 'trailers' })
})
