// SPDX-License-Identifier: Apache-2.0
// Label and field selectors as they stand in a query: `app=web,tier in (a, b),!legacy` and
// `spec.nodeName=one,status.phase!=Failed`. Parsed once a request, then asked for every object.
import { matcherOfRequirements, type Requirement } from '../../kube/label-matcher.ts'
import { badRequest } from './api-status.ts'

export type Labels = Readonly<Record<string, string>>

/** Returns undefined for a selector that selects everything. Throws 400 for one that cannot be read. */
export function parseLabelSelector(text: string): ((labels: Labels) => boolean) | undefined {
  if (text.trim() === '') return undefined
  const requirements = splitOutsideParentheses(text).map((part) => parseRequirement(part, text))
  return matcherOfRequirements(requirements).matches
}

/** One condition on a field. */
export interface FieldRequirement {
  readonly field: string
  readonly value: string
  readonly isEqual: boolean
}

/** The conditions of a field selector; what fields there are is the resource's business. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return splitUnescaped(text)
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^((?:[^=!\\]|\\.)*?)(==|!=|=)(.*)$/s.exec(part)
      if (!match) {
        throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`)
      }
      const [, field = '', operator, value = ''] = match
      return { field, value: unescape(value), isEqual: operator !== '!=' }
    })
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '(') depth += 1
    else if (text[index] === ')') depth -= 1
    else if (text[index] === ',' && depth === 0) {
      parts.push(text.slice(start, index))
      start = index + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}

const setRequirement = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/
/** Values whose parenthesis never closes. */
const openSet = /^\S+\s+(in|notin)\s*\([^()]*$/
const comparison = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*([^\s=!<>]*)$/

function parseRequirement(text: string, whole: string): Required<Requirement> {
  const part = text.trim()
  const set = setRequirement.exec(part)
  if (set) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return checked({ key, operator: operator === 'in' ? 'In' : 'NotIn', values }, whole)
  }
  if (openSet.test(part)) {
    throw badRequest("unable to parse requirement: found '', expected: ',', ')' or identifier")
  }
  const compared = comparison.exec(part)
  if (compared) {
    const [, key = '', sign = '=', value = ''] = compared
    const operators = { '=': 'In', '==': 'In', '!=': 'NotIn', '>': 'Gt', '<': 'Lt' } as const
    const operator = operators[sign as keyof typeof operators]
    return checked({ key, operator, values: [value] }, whole)
  }
  const isAbsent = part.startsWith('!')
  const key = isAbsent ? part.slice(1).trim() : part
  return checked({ key, operator: isAbsent ? 'DoesNotExist' : 'Exists', values: [] }, whole)
}

const keyPattern =
  /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const valuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

function checked(requirement: Required<Requirement>, whole: string): Required<Requirement> {
  const { key, operator, values } = requirement
  if (!keyPattern.test(key)) {
    throw badRequest(
      `unable to parse requirement: found '${key}' in ${JSON.stringify(whole)}, expected: identifier`,
    )
  }
  const isNumeric = operator === 'Gt' || operator === 'Lt'
  for (const value of values) {
    if (isNumeric ? !/^-?\d+$/.test(value) : !valuePattern.test(value)) {
      throw badRequest(
        `unable to parse requirement: values[0][${key}]: Invalid value: ${JSON.stringify(value)}`,
      )
    }
  }
  return requirement
}

function splitUnescaped(text: string): string[] {
  return text.match(/(?:[^,\\]|\\.)+/gs) ?? []
}

function unescape(text: string): string {
  return text.replaceAll(/\\([\\,=])/g, '$1')
}
