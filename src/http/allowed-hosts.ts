import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'

/** A host of a `Host` header or of the configuration. */
export interface Host {
  /**
   * Serialised as in the URL standard: lower case, IP addresses in their shortest form, IPv6 in brackets. Without a
   * trailing dot.
   */
  name: string
  /** Empty when absent. */
  port: string
}

/**
 * Returns the first host of a request that is not allowed, or null when all of its hosts are. Returns an empty string
 * when the request has no host. Loopback addresses and loopback names are always allowed. An entry of `allowed` without
 * a port matches every port.
 */
export function findForeignHost(allowed: readonly Host[], request: IncomingMessage): string | null {
  const isAllowed = (text: string) => {
    const host = parseHost(text)
    return host !== null && (isLoopback(host.name) || allowed.some((entry) => matches(entry, host)))
  }
  return hostsOf(request).find((text) => !isAllowed(text)) ?? null
}

/** Parses the value of a `Host` header (RFC 9110, 7.2). Returns null when it is not a valid host. */
export function parseHost(text: string): Host | null {
  const [, hostname, port = ''] = HOST.exec(text) ?? []
  const name = hostname && URL.parse(`http://${hostname}`)?.hostname
  return name ? { name: name.replace(/\.$/, ''), port } : null
}

const HOST = /^(\[[\da-f:.]+\]|[^\s:/?#@*\\[\]]+)(?::(\d*))?$/i

/** A request target in absolute form overrides `Host` (RFC 9112, 3.2.2). Both must be allowed. */
function hostsOf({ url = '', headers }: IncomingMessage): string[] {
  const target = URL.parse(url)
  return [...(target ? [target.host] : []), headers.host ?? '']
}

function matches(allowed: Host, { name, port }: Host): boolean {
  return allowed.name === name && (allowed.port === '' || allowed.port === port)
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Browsers resolve `localhost` and its subdomains to loopback addresses without a DNS query (RFC 6761, 6.3). */
function isLoopback(name: string): boolean {
  const address = name.replace(/^\[|\]$/g, '')
  return /(^|\.)localhost$/.test(name) || LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
