// SPDX-License-Identifier: Apache-2.0
// The logger that every part is given. Kept to what we use, so that the library behind it
// (src/observe/pino-logger.ts) can be replaced and tests can pass a recorder.

/** Structured logging: `log.info({ pod }, 'Pod started')`. Fields never hold secrets. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger that adds `fields` to each line. */
  child(fields: object): Logger
}

/** Drops every line. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
