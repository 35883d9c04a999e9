// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { configMapFiles, secretFiles } from './volume-objects.ts'

const key = fc.stringMatching(/^[a-z][a-z.]{0,5}$/)
const mode = fc.integer({ min: 0, max: 0o777 })
const item = fc.record({ key, path: key, mode: fc.option(mode, { nil: undefined }) })
const wish = fc.record({
  data: fc.dictionary(key, fc.string()),
  items: fc.array(item, { maxLength: 4 }),
  defaultMode: mode,
  isOptional: fc.boolean(),
})

test('items choose keys, paths and modes; what is missing fails unless it may', () => {
  fc.assert(
    fc.property(wish, ({ data, items, defaultMode, isOptional }) => {
      const metadata = { namespace: 'ns', name: 'x', uid: 'x' }
      const chosen = items.map(({ mode: own, ...rest }) =>
        own === undefined ? rest : { ...rest, mode: own },
      )
      const selection = { name: 'x', isOptional, items: chosen, defaultMode }
      const base64 = Object.entries(data).map(([name, text]) => [
        name,
        Buffer.from(text).toString('base64'),
      ])
      const makers = [
        () => configMapFiles({ metadata, data }, selection),
        () => secretFiles({ metadata, data: Object.fromEntries(base64) }, selection),
      ]
      const isBroken = !isOptional && items.some((one) => !Object.hasOwn(data, one.key))
      for (const make of makers) {
        if (isBroken) {
          assert.throws(make, /references non-existent (config|secret) key/)
          continue
        }
        const wanted =
          items.length === 0
            ? Object.entries(data).map(([path, text]) => ({ path, text, mode: defaultMode }))
            : items
                .filter((one) => Object.hasOwn(data, one.key))
                .map((one) => ({
                  path: one.path,
                  text: data[one.key],
                  mode: one.mode ?? defaultMode,
                }))
        const got = make().map(({ path, content, mode: given }) => ({
          path,
          text: Buffer.from(content).toString(),
          mode: given,
        }))
        assert.deepEqual(got, wanted)
      }
    }),
  )
})
