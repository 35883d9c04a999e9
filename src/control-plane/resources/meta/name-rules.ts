// SPDX-License-Identifier: Apache-2.0
// The forms that names take in Kubernetes, each as a function that says what is wrong with a text, in
// the API's own words; an empty list means that nothing is.

const fine: readonly string[] = []

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomain = `${label}(\\.${label})*`
const labelPattern = new RegExp(`^${label}$`)
const subdomainPattern = new RegExp(`^${subdomain}$`)

/** Lower case letters, digits and `-`, at most 63. */
export function dnsLabelFaults(text: string): readonly string[] {
  if (text.length <= 63 && labelPattern.test(text)) return fine
  const faults = text.length > 63 ? [tooManyCharacters(63)] : []
  if (labelPattern.test(text)) return faults
  if (subdomainPattern.test(text)) return [...faults, 'must not contain dots']
  const rule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
  return [...faults, patternFault(rule, label, 'my-name', '123-abc')]
}

/** DNS labels joined by dots, at most 253 characters. */
export function dnsSubdomainFaults(text: string): readonly string[] {
  return subdomainFaults(text, tooManyCharacters(253))
}

/** Like a DNS label, but it starts with a letter. */
export function dns1035LabelFaults(text: string): readonly string[] {
  const pattern = '[a-z]([-a-z0-9]*[a-z0-9])?'
  const isWellFormed = /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(text)
  if (isWellFormed && text.length <= 63) return fine
  const faults = text.length > 63 ? [tooManyCharacters(63)] : []
  if (isWellFormed) return faults
  const rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
  return [...faults, patternFault(rule, pattern, 'my-name', 'abc-123')]
}

/** What may stand as one part of a URL's path. */
export function pathSegmentFaults(text: string): readonly string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`]
  return pathPrefixFaults(text)
}

/** The start of a path segment: what follows may make it a good one. */
export function pathPrefixFaults(text: string): readonly string[] {
  return ['/', '%']
    .filter((character) => text.includes(character))
    .map((character) => `may not contain '${character}'`)
}

const labelKey = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const labelKeyPattern = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const labelKeyRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

/** Keys of labels and annotations, resource names, finalizers: `name` or `example.com/name`. */
export function qualifiedNameFaults(text: string): readonly string[] {
  const slash = text.indexOf('/')
  if (slash === -1) return namePartFaults(text)
  if (text.includes('/', slash + 1)) {
    const fault = patternFault(labelKeyRule, labelKey, 'MyName', 'my.name', '123-abc')
    return [
      `a valid label key ${fault} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const prefix = text.slice(0, slash)
  const prefixFaults = prefix === '' ? ['must be non-empty'] : subdomainFaults(prefix, bytes(253))
  const nameFaults = namePartFaults(text.slice(slash + 1))
  if (prefixFaults.length === 0) return nameFaults
  return [...prefixFaults.map((fault) => `prefix part ${fault}`), ...nameFaults]
}

/** What a label may be set to. */
export function labelValueFaults(text: string): readonly string[] {
  const isWellFormed = text === '' || labelKeyPattern.test(text)
  if (isWellFormed && text.length <= 63) return fine
  const faults = text.length > 63 ? [bytes(63)] : []
  if (isWellFormed) return faults
  const rule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
  return [...faults, patternFault(rule, `(${labelKey})?`, 'MyValue', 'my_value', '12345')]
}

/** Keys of ConfigMaps and Secrets. */
export function configKeyFaults(text: string): readonly string[] {
  const faults = text.length > 253 ? [tooManyCharacters(253)] : []
  if (!/^[-._a-zA-Z0-9]+$/.test(text)) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    faults.push(patternFault(rule, '[-._a-zA-Z0-9]+', 'key.name', 'KEY_NAME', 'key-name'))
  }
  if (text === '.' || text === '..') faults.push(`must not be '${text}'`)
  else if (text.startsWith('..')) faults.push("must not start with '..'")
  return faults
}

/** `why (e.g. 'a', or 'b', regex used for validation is 'x')`. */
export function patternFault(why: string, pattern: string, ...examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ')
  const eg = examples.length === 0 ? '' : `e.g. ${shown}`
  return `${why} (${eg}regex used for validation is '${pattern}')`
}

export function tooManyCharacters(max: number): string {
  return `must be no more than ${max} characters`
}

function bytes(max: number): string {
  return `must be no more than ${max} bytes`
}

function subdomainFaults(text: string, tooLong: string): readonly string[] {
  const isWellFormed = subdomainPattern.test(text)
  if (isWellFormed && text.length <= 253) return fine
  const faults = text.length > 253 ? [tooLong] : []
  if (isWellFormed) return faults
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
  return [...faults, patternFault(rule, subdomain, 'example.com')]
}

function namePartFaults(name: string): readonly string[] {
  if (name.length <= 63 && labelKeyPattern.test(name)) return fine
  const faults: string[] = []
  if (name === '') faults.push('name part must be non-empty')
  else if (name.length > 63) faults.push(`name part ${bytes(63)}`)
  if (!labelKeyPattern.test(name)) {
    faults.push(`name part ${patternFault(labelKeyRule, labelKey, 'MyName', 'my.name', '123-abc')}`)
  }
  return faults
}
