// SPDX-License-Identifier: Apache-2.0
// Durations in messages that users know from the kubelet.

/** A whole number of seconds as Go prints it: 10s, 1m20s, 5m0s. */
export function goDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
