// SPDX-License-Identifier: Apache-2.0
// `npm run test:unit`: everything beside the sources, and the tests of the package as a whole, in one
// process. Arguments are flags for node, or the files to run instead.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { useCompileCache } from './compile-cache.ts'
import { reporterFlags } from './failure-reporter.ts'

const given = process.argv.slice(2)
const flags = given.filter((arg) => arg.startsWith('-'))
const files = given.filter((arg) => !arg.startsWith('-'))
if (files.length === 0) files.push('src/**/*.test.ts', 'test/*.test.ts')
useCompileCache()
const fixed = ['--test', '--test-isolation=none', '--test-timeout=120000', ...reporterFlags('spec')]
const child = spawn(process.execPath, [...fixed, ...flags, ...files], { stdio: 'inherit' })
const [code] = (await once(child, 'exit')) as [number | null]
process.exitCode = code ?? 1
