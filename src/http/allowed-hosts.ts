import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'

export interface Host {
  /** In the form of the URL standard: lower case, addresses in their shortest form, IPv6 in brackets; without a final dot. */
  name: string
  /** Empty when none is given. */
  port: string
}

/**
 * Gives the first host that a request names and that is neither a loopback address or name nor one of `allowed`; an
 * empty text when it names none; null when all are accepted. An allowed host without a port stands for all its ports.
 */
export function findForeignHost(allowed: readonly Host[], request: IncomingMessage): string | null {
  const accepts = (named: string) => {
    const host = parseHost(named)
    return host !== null && (isLoopback(host.name) || allowed.some((other) => matches(other, host)))
  }
  return hostsNamedBy(request).find((named) => !accepts(named)) ?? null
}

/** Parses what stands in `Host` (RFC 9110, 7.2); null when it is no host. */
export function parseHost(text: string): Host | null {
  const [, written, port = ''] = HOST.exec(text) ?? []
  const name = written && URL.parse(`http://${written}`)?.hostname
  return name ? { name: name.replace(/\.$/, ''), port } : null
}

const HOST = /^(\[[\da-f:.]+\]|[^\s:/?#@*\\[\]]+)(?::(\d*))?$/i

/** A target in absolute form takes the place of `Host` (RFC 9112, 3.2.2); both have to be accepted. */
function hostsNamedBy({ url = '', headers }: IncomingMessage): string[] {
  const target = URL.parse(url)
  return [...(target ? [target.host] : []), headers.host ?? '']
}

function matches(allowed: Host, { name, port }: Host): boolean {
  return allowed.name === name && (allowed.port === '' || allowed.port === port)
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Browsers resolve `localhost` and every name below it to loopback addresses without asking (RFC 6761, 6.3). */
function isLoopback(name: string): boolean {
  const address = name.replace(/^\[|\]$/g, '')
  return /(^|\.)localhost$/.test(name) || LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
