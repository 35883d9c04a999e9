// SPDX-License-Identifier: Apache-2.0
// How much random tests try: enough for every `npm test`, or with VK_TEST_FULL=1 (as CI has it) much more.

/** Returns the first number, or without VK_TEST_FULL the second. */
export function tries(full: number, everyDay: number): number {
  return process.env['VK_TEST_FULL'] ? full : everyDay
}
