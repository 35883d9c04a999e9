// SPDX-License-Identifier: Apache-2.0
// From a request to a client of exec or attach, whichever protocol it asks for.
import type { IncomingMessage } from 'node:http'
import type { StreamChoice } from '../../../provider/streams.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { UpgradeOffer } from '../../listener.ts'
import type { TextAnswer } from '../../text-response.ts'
import { SpdySession } from '../spdy/spdy-session.ts'
import type { StreamingDeps } from '../stream-options.ts'
import { chooseProtocol, switchToSpdy, upgradeKindOf } from '../switch-protocols.ts'
import { acceptWebSocket, chooseSubprotocol } from '../websocket/accept-websocket.ts'
import { WebSocketCommand, websocketCommandProtocols } from '../websocket/websocket-command.ts'
import type { CommandConnection } from './command-connection.ts'
import { SpdyCommand, SpdyCommandStreams, spdyCommandProtocols } from './spdy-command.ts'
import type { SpdyCommandProtocol } from './spdy-command.ts'

export interface OpenCommandOptions {
  readonly request: IncomingMessage
  readonly upgrade: UpgradeOffer | undefined
  readonly choice: StreamChoice
  readonly deps: StreamingDeps
  readonly signal: AbortSignal
}

/**
 * Calls `serve` with the client and resolves when its connection is over. Answers what to say in plain
 * text when there is no switch of protocols.
 */
export async function openCommand(
  options: OpenCommandOptions,
  serve: (connection: CommandConnection) => Promise<void>,
): Promise<TextAnswer | undefined> {
  const { request, upgrade } = options
  const kind = upgradeKindOf(request)
  if (upgrade === undefined || kind === undefined) return notAnUpgrade
  if (kind === 'spdy') {
    const chosen = chooseProtocol(request, spdyCommandProtocols)
    if ('answer' in chosen) return chosen.answer
    await openSpdy(upgrade, { ...options, ...chosen, serve })
    return undefined
  }
  const chosen = chooseSubprotocol(request, websocketCommandProtocols)
  if ('answer' in chosen) return chosen.answer
  const accepted = await acceptWebSocket(request, upgrade, chosen.protocol)
  if (!accepted) return undefined
  using command = new WebSocketCommand(accepted, { ...options, ...chosen })
  await serve(command)
  return undefined
}

/** Answered where only a switch of protocols makes sense. */
export const notAnUpgrade: TextAnswer = { status: 400, text: 'Upgrade request required' }

interface SpdyCommandOptions extends OpenCommandOptions {
  readonly protocol: SpdyCommandProtocol
  readonly serve: (connection: CommandConnection) => Promise<void>
}

async function openSpdy(
  offer: UpgradeOffer,
  { choice, deps, protocol, serve, signal }: SpdyCommandOptions,
): Promise<void> {
  const { clock, limits, log } = deps
  const streams = new SpdyCommandStreams(choice, protocol)
  const session = new SpdySession(switchToSpdy(offer, protocol), {
    clock,
    idleTimeoutMs: limits.idleTimeoutMs,
    onStream: (stream) => streams.onStream(stream),
  })
  const reading = session.run().catch((error: unknown) => {
    log.debug({ error: messageOf(error) }, 'Streaming connection ended by a broken frame')
  })
  const isComplete = await streams.whenComplete({
    clock,
    timeoutMs: limits.creationTimeoutMs,
    signal,
  })
  if (isComplete) await serve(new SpdyCommand(session, streams, { protocol }))
  session.close()
  await reading
}
