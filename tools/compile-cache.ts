// SPDX-License-Identifier: Apache-2.0
// Tests start Node hundreds of times: what it has compiled is kept for the next start.
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../node_modules/.cache/compile')

/** Has this process's children keep what they compile, unless somebody chose a place already. */
export function useCompileCache(): void {
  process.env['NODE_COMPILE_CACHE'] ??= folder
}
