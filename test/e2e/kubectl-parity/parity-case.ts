// SPDX-License-Identifier: Apache-2.0
//
// What one comparison consists of: a kubectl command, what has to be true before it, and how its output
// is read. Cases of a group run one after the other in a namespace of the group's own.

/** One command that is compared between control planes. */
export interface ParityCase {
  /** Arguments as one would type them; single quotes hold spaces together. `NS` is the namespace. */
  readonly run: string
  /** Names the case where several have the same arguments. */
  readonly as?: string
  readonly stdin?: string
  /** Extra environment, EDITOR for example. */
  readonly env?: Readonly<Record<string, string>>
  /** Commands that go before, whose outcome is not compared. */
  readonly after?: readonly string[]
  /** Repeats the command until its standard output matches: what controllers still have to do. */
  readonly until?: RegExp
  /** Interrupts the command once its standard output matches: watches, followed logs. */
  readonly stopAt?: RegExp
  /** Talks to the port that the command prints, and compares the answer too. */
  readonly talk?: 'echo' | 'http'
  /** Lines in no particular order. */
  readonly isUnordered?: boolean
  /** Further changes of the output before it is compared: what may differ for a reason. */
  readonly drop?: readonly (readonly [RegExp, string])[]
}

/** The verbs that one test is about. */
export interface ParityGroup {
  /** In file names, namespaces and test names. */
  readonly name: string
  /** For the table in the documentation. */
  readonly title: string
  /** Files in the folder where the commands run. */
  readonly files?: Readonly<Record<string, string>>
  /** Runs while no other group does: it changes what all share. */
  readonly isExclusive?: boolean
  /** Commands that prepare the namespace. */
  readonly setup?: readonly string[]
  readonly cases: readonly ParityCase[]
}

/** What a command left behind, without what differs from run to run. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Identifies the case within all groups. */
export function caseId(group: ParityGroup, one: ParityCase): string {
  return `${group.name}: ${one.as ?? one.run}`
}

/** Splits arguments at spaces; what stands in single quotes stays together. */
export function splitArgs(line: string): string[] {
  const words = line.matchAll(/(?:'[^']*'|[^\s'])+/g)
  return [...words].map(([word]) => word.replaceAll("'", ''))
}
