// SPDX-License-Identifier: Apache-2.0
// Names of signals as a pod's `lifecycle.stopSignal` has them, to numbers.
import { constants } from 'node:os'
import { VkError } from '../../util/vk-error.ts'

// The first real-time signal that the C library leaves to programs, and the last.
const firstRealTime = 34
const lastRealTime = 64

/** `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`; throws a VkError of code Invalid for anything else. */
export function signalNumber(name: string): number {
  const text = name.toUpperCase().replace(/^SIG/, '')
  const known = (constants.signals as Readonly<Record<string, number>>)[`SIG${text}`]
  if (known !== undefined) return known
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(text)
  const number = realTime
    ? (realTime[1] === 'MIN' ? firstRealTime : lastRealTime) +
      Number(`${realTime[2] ?? '+'}${realTime[3] ?? 0}`)
    : /^\d{1,2}$/.test(text)
      ? Number(text)
      : 0
  if (number < 1 || number > lastRealTime) {
    throw new VkError('Invalid', `Cannot send signal: there is none of that name ("${name}")`)
  }
  return number
}
