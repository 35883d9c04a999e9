// SPDX-License-Identifier: Apache-2.0
// Answers that are a stream of JSON values, one a line: events and the progress of pulls.
/** No line of an engine is longer; the bound keeps a broken peer from filling the memory. */
const maxLineBytes = 4 << 20

/** The values; a last line that was cut off is left out. Fails as the stream does. */
export async function* jsonLines<T>(stream: AsyncIterable<Buffer>): AsyncGenerator<T, void, void> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk])
    for (let end; (end = rest.indexOf(0x0a)) !== -1; rest = rest.subarray(end + 1)) {
      const value = parse<T>(rest.subarray(0, end))
      if (value !== undefined) yield value
    }
    if (rest.length > maxLineBytes) throw new Error('the engine sent a line without an end')
  }
  const last = parse<T>(rest)
  if (last !== undefined) yield last
}

function parse<T>(line: Buffer): T | undefined {
  const text = line.toString().trim()
  if (text === '') return undefined
  try {
    return JSON.parse(text) as T
  } catch {
    // Cut off by the connection's end, or not meant for us.
    return undefined
  }
}
