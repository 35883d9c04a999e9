// SPDX-License-Identifier: Apache-2.0
//
// How large scenarios are: in full, or small enough for every `npm test`. The code is the same.

/** Set by `run.ts --quick`. */
export const QUICK_VARIABLE = 'VK_E2E_QUICK'

/** Whether this is such a run. */
export const isQuick: boolean = Boolean(process.env[QUICK_VARIABLE])

/** Returns the first number, or the second in a quick run. */
export function scaled(full: number, quick: number): number {
  return isQuick ? quick : full
}
