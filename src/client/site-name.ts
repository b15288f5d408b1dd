// The name of a site in its certificate: exactly one URI `ashlar://site/<name>` among the subject
// alternative names. Who may do what is decided by this name and by nothing a message says.

import type { PeerCertificate } from 'node:tls'

import { isName } from '../base/names.js'

const prefix = 'ashlar://site/'

/** The URI that a site's certificate carries. */
export function siteUri(name: string): string {
  return prefix + name
}

/** Undefined unless the certificate names one site, and one only. */
export function siteNameOf({ subjectaltname }: Pick<PeerCertificate, 'subjectaltname'>) {
  const named = alternativeNames(subjectaltname ?? '')
    .filter(({ kind, value }) => kind === 'URI' && value.startsWith(prefix))
    .map(({ value }) => value.slice(prefix.length))
  const [name] = named
  return named.length === 1 && name !== undefined && isName(name) ? name : undefined
}

interface AlternativeName {
  readonly kind: string
  readonly value: string
}

// Node writes "DNS:a, URI:b" and quotes a value that could be taken for more than one. A text that
// does not parse to its end names nothing.
function alternativeNames(text: string): readonly AlternativeName[] {
  const names: AlternativeName[] = []
  const next = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y
  while (next.lastIndex < text.length) {
    const found = next.exec(text)
    if (found === null) return []
    names.push({ kind: found[1] ?? '', value: found[2] ?? '' })
  }
  return names
}
