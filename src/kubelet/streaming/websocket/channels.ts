// SPDX-License-Identifier: Apache-2.0
// Channels in WebSocket messages: the first byte of a message names its channel, or, in the base64
// flavour, the first character does and the rest is base64.

/** What a message carries. */
export interface ChannelMessage {
  readonly channel: number
  readonly bytes: Buffer
}

/** How channels are written. */
export interface ChannelCodec {
  encode(channel: number, bytes: Buffer): Buffer | string
  /** Undefined for a message that names no channel. */
  decode(message: Buffer): ChannelMessage | undefined
}

export const binaryChannels: ChannelCodec = {
  encode: (channel, bytes) => Buffer.concat([Buffer.from([channel]), bytes]),
  decode(message) {
    const channel = message[0]
    return channel === undefined ? undefined : { channel, bytes: message.subarray(1) }
  },
}

const zero = 0x30

export const base64Channels: ChannelCodec = {
  encode: (channel, bytes) => `${channel}${bytes.toString('base64')}`,
  decode(message) {
    const channel = (message[0] ?? 0) - zero
    if (channel < 0 || channel > 9) return undefined
    return { channel, bytes: Buffer.from(message.toString('latin1', 1), 'base64') }
  },
}
