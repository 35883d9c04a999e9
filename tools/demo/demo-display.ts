// SPDX-License-Identifier: Apache-2.0
// A run of the demo as it is shown: the progress of `run`, but log lines that are rows of the picture go
// into the picture.
import { systemClock } from '../../src/util/clock.ts'
import { LiveDisplay } from '../../src/cli/run/live-display.ts'
import { PlainDisplay } from '../../src/cli/run/run-display.ts'
import type { RunDisplay } from '../../src/cli/run/run-display.ts'
import type { Picture } from './picture.ts'

/** Shows a run on our standard output and fills `picture`. */
export function demoDisplay(picture: Picture): RunDisplay {
  const { stdout } = process
  const inner = stdout.isTTY
    ? new LiveDisplay(stdout, { clock: systemClock })
    : new PlainDisplay({ logs: stdout, notes: stdout })
  return {
    refreshMs: inner.refreshMs,
    note: (line) => inner.note(line),
    logLine: (source, line) => {
      if (!picture.addLine(line)) inner.logLine(source, line)
    },
    show: (view) => inner.show(view),
    [Symbol.dispose]: () => inner[Symbol.dispose](),
  }
}
