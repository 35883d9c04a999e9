// SPDX-License-Identifier: Apache-2.0
// A reader of standard output that has seen enough (`| head`), or a terminal that was closed. Most commands may just end then, as main.ts
// makes them; one that has pods to end has to be told.

/** Whether a write failed because a pipe's reader has left, or the terminal was closed. */
export function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO'
}

/** Calls `listener` when standard output has no reader any more, instead of ending the process. */
export function onReaderGone(listener: () => void): Disposable {
  const { stdout } = process
  const others = stdout.rawListeners('error') as ((error: Error) => void)[]
  stdout.removeAllListeners('error')
  const onError = (error: NodeJS.ErrnoException): void => {
    if (!isReaderGone(error)) throw error
    listener()
  }
  stdout.on('error', onError)
  return {
    [Symbol.dispose]: () => {
      stdout.off('error', onError)
      for (const other of others) stdout.on('error', other)
    },
  }
}
