// Every way in which a configuration can be wrong, by the sentence that says so.

import { describe, expect, test } from 'vitest'

import { parseConfig } from '../../../src/daemon/config.js'

const region = `[[region]]
name = "local"
number = 1
data = "region"
listen = "unix:/run/region.sock"
`
const node = `[[node]]
name = "a"
zone = "local-1"
region = "local"
region_address = "unix:/run/region.sock"
data = "a"
pool_capacity = "64MiB"
listen = "unix:/run/a.sock"
nbd_unix = "a.nbd"
`
const twin = node
  .replace('"a"', '"b"')
  .replace('data = "a"', 'data = "b"')
  .replace('a.sock', 'b.sock')
  .replace('a.nbd', 'b.nbd')

const parse = (text: string) => parseConfig(text, 'ashlar.toml', '/etc/ashlar')

/** `text` with one thing in another place. */
function edited(text: string, from: string, to: string): string {
  expect(text).toContain(from)
  return text.replace(from, to)
}

test('a configuration that is right', () => {
  const { account, regions, nodes } = parse(
    `account = "me"\n${region}${node}nbd_tcp = "0.0.0.0:9"\n`,
  )
  expect(account).toBe('me')
  expect(regions).toMatchObject([
    {
      name: 'local',
      number: 1,
      data: '/etc/ashlar/region',
      listen: { socketPath: '/run/region.sock' },
    },
  ])
  expect(nodes[0]?.hosted).toEqual({
    regionAddress: { target: 'unix:/run/region.sock', socketPath: '/run/region.sock' },
    data: '/etc/ashlar/a',
    poolFile: '/etc/ashlar/a/pool',
    poolCapacityBytes: 64n << 20n,
    tls: undefined,
    nbdUnix: '/etc/ashlar/a.nbd',
    nbdTcp: { host: '0.0.0.0', port: 9 },
  })
})

test('metrics are nowhere, or where they are told to be', () => {
  expect(parse(region).metrics).toBeUndefined()
  const at = (address: string) => parse(`metrics = "${address}"\n${region}`).metrics
  expect(at('127.0.0.1:9440')).toEqual({ host: '127.0.0.1', port: 9440 })
  expect(at('[::]:9440')).toEqual({ host: '::', port: 9440 })
})

const tls = 'tls = { ca = "ca.pem", cert = "own.pem", key = "/keys/own.key" }\n'
const files = { ca: '/etc/ashlar/ca.pem', cert: '/etc/ashlar/own.pem', key: '/keys/own.key' }
const sites = 'site_listen = "10.0.0.1:7450"\n'

test('sites with TLS listen and reach each other anywhere', () => {
  const peers =
    'peers = [{ name = "remote", address = "r.example:1", endpoint = "127.0.0.1:7441" }]\n'
  const elsewhere = twin.replace('data = "b"\n', '').replace(/(region_address|pool|nbd).*\n/g, '')
  const { regions, nodes } = parse(
    region +
      sites +
      tls +
      peers +
      node.replace('/run/a.sock', '/run/c.sock') +
      tls +
      elsewhere.replace('unix:/run/b.sock', '10.0.0.2:1'),
  )
  expect(regions[0]).toMatchObject({
    listen: { target: 'unix:/run/region.sock' },
    siteListen: { target: '10.0.0.1:7450' },
    tls: files,
    peers: [{ address: { target: 'r.example:1' }, endpoint: '127.0.0.1:7441' }],
  })
  expect(nodes[0]?.hosted?.tls).toEqual(files)
  expect(nodes[1]?.listen.target).toBe('10.0.0.2:1')
  const far = node.replace('unix:/run/region.sock', '10.0.0.1:7450')
  const [alone] = parse(far.replace('unix:/run/a.sock', '[::]:7460') + tls).nodes
  expect(alone?.listen.target).toBe('[::]:7460')
  expect(alone?.hosted?.regionAddress.target).toBe('10.0.0.1:7450')
})

test('a limit of pulls', () => {
  expect(parse(region).regions[0]?.pullLimitBytesPerSecond).toBeUndefined()
  const limited = parse(`${region}pull_limit = "200MiB"\n`)
  expect(limited.regions[0]?.pullLimitBytesPerSecond).toBe(200 << 20)
})

test('a limit of hydration', () => {
  expect(parse(node).nodes[0]?.hosted?.hydrationLimitBytesPerSecond).toBeUndefined()
  const [limited] = parse(`${node}hydration_limit = "50MiB"\n`).nodes
  expect(limited?.hosted?.hydrationLimitBytesPerSecond).toBe(50 << 20)
})

test('a peer without an endpoint is told by its address', () => {
  const { regions } = parse(`${region}peers = [{ name = "p", address = "127.0.0.1:1" }]\n`)
  expect(regions[0]?.peers[0]?.endpoint).toBe('127.0.0.1:1')
  expect(regions[0]?.siteListen).toBeUndefined()
})

describe('a configuration that is wrong', () => {
  const listen = 'unix:/run/region.sock'
  const long = `unix:/run/${'x'.repeat(120)}`
  const peer = 'peers = [{ name = "p", address = "127.0.0.1:1", zone = "z" }]\n'
  const cases: readonly (readonly [what: string, text: () => string, says: string])[] = [
    ['nothing', () => '', 'it hosts nothing'],
    ['no TOML', () => 'a = 1\nb = = 2\n', 'line 2, column 5'],
    ['a number nobody can hold', () => 'a = 99999999999999999999', 'line 1'],
    ['an unknown key', () => `colour = "red"\n${region}`, 'colour: is not a known key'],
    ['an unknown table', () => `${region}[[zone]]\n`, 'zone: is not a known key'],
    ['an unknown key of a region', () => `${region}x = 1`, 'region[0].x: is not a known key'],
    ['an unknown key of a node', () => `${node}x = 1`, 'node[0].x: is not a known key'],
    [
      'an unknown key of a peer',
      () => region + peer,
      'region[0].peers[0].zone: is not a known key',
    ],
    ['a missing key', () => edited(region, 'number = 1\n', ''), 'region[0].number'],
    ['text for a number', () => edited(region, '= 1', '= "1"'), 'region[0].number'],
    ['metrics at no port', () => `metrics = "127.0.0.1"\n${region}`, 'metrics: "127.0.0.1" is not'],
    ['metrics at a socket', () => `metrics = "unix:/m"\n${region}`, 'metrics: "unix:/m" is not'],
    ['metrics at a number', () => `metrics = 9440\n${region}`, 'metrics: '],
    ['metrics nowhere', () => `metrics = ""\n${region}`, 'metrics: "" is not an address'],
    [
      'metrics of a site',
      () => `${region}metrics = "127.0.0.1:1"\n`,
      'region[0].metrics: is not a known key',
    ],
    [
      'metrics where hosts are',
      () => `metrics = "127.0.0.1:9"\n${node}nbd_tcp = "127.0.0.1:9"\n`,
      'address 127.0.0.1:9 is there twice',
    ],
    ['a fraction', () => edited(region, '= 1', '= 1.5'), 'region[0].number'],
    ['a negative number', () => edited(region, '= 1', '= -1'), 'region[0].number'],
    ['a number past 32 bits', () => edited(region, '= 1', '= 4294967296'), 'region[0].number'],
    ['a list for text', () => edited(region, '"local"', '["local"]'), 'region[0].name'],
    ['a table for a list', () => '[region]\nname = "local"\n', 'region'],
    [
      'a name that is none',
      () => edited(region, '"local"', '"Local"'),
      'region[0].name: is not a name',
    ],
    ['an account that is none', () => `account = "a b"\n${region}`, 'account: is not an account'],
    [
      'gRPC on every address',
      () => edited(region, listen, '0.0.0.0:1'),
      'region[0].listen: "0.0.0.0:1"',
    ],
    ['gRPC on an address', () => edited(region, listen, '10.1.2.3:1'), 'is neither loopback'],
    ['gRPC on a name', () => edited(region, listen, 'example.com:1'), 'is neither loopback'],
    ['gRPC on all of IPv6', () => edited(region, listen, '[::]:1'), 'is neither loopback'],
    ['a region elsewhere', () => edited(node, listen, '10.1.2.3:1'), 'node[0].region_address'],
    ['no port', () => edited(region, listen, '127.0.0.1'), 'is not an address'],
    ['a port past 65535', () => edited(region, listen, '127.0.0.1:70000'), 'is not an address'],
    ['port 0', () => edited(region, listen, '127.0.0.1:0'), 'is not an address'],
    ['a relative socket', () => edited(region, listen, 'unix:r.sock'), 'is not an absolute path'],
    ['a long socket', () => edited(region, listen, long), 'at most 100'],
    ['a node twice', () => node + edited(twin, '"b"', '"a"'), 'node name a is there twice'],
    ['an address twice', () => node + edited(twin, 'b.sock', 'a.sock'), 'a.sock is there twice'],
    ['an NBD socket twice', () => node + edited(twin, 'b.nbd', 'a.nbd'), 'a.nbd is there twice'],
    [
      'a folder twice',
      () => node + edited(twin, 'data = "b"', 'data = "a"'),
      'data folder /etc/ashlar/a is there twice',
    ],
    [
      'a pool twice',
      () => `${node}${twin}pool_file = "a/pool"`,
      'pool file /etc/ashlar/a/pool is there twice',
    ],
    ['a region twice', () => region + region, 'region name local is there twice'],
    [
      'a number twice',
      () => region + edited(edited(region, '"local"', '"x"'), 'data = "region"', 'data = "x"'),
      'region number 1 is there twice',
    ],
    [
      'a limit of nothing',
      () => `${region}pull_limit = 0\n`,
      'region[0].pull_limit: 0 bytes a second are not within 65536',
    ],
    [
      'a limit in another unit',
      () => `${region}pull_limit = "1GB"\n`,
      'region[0].pull_limit: "1GB" is not a size',
    ],
    ['a unit that is none', () => edited(node, '64MiB', '64MB'), 'node[0].pool_capacity: "64MB"'],
    ['a pool too small', () => edited(node, '64MiB', '8MiB'), 'is below 16777216'],
    ['a negative pool', () => edited(node, '"64MiB"', '-1'), 'node[0].pool_capacity'],
    [
      'a node without a region',
      () => edited(node, `region_address = "${listen}"\n`, ''),
      'node[0].region_address: is required',
    ],
    [
      'a public API beyond this machine, with TLS too',
      () => edited(region, listen, '10.1.2.3:1') + sites + tls,
      'the public API stays on this machine',
    ],
    [
      'sites elsewhere without TLS',
      () => region + sites,
      'region[0].site_listen: "10.0.0.1:7450" is neither loopback nor a Unix socket; gRPC beyond this machine needs tls',
    ],
    [
      'a peer elsewhere without TLS',
      () => `${region}peers = [{ name = "p", address = "10.0.0.1:1" }]\n`,
      'region[0].peers[0].address: "10.0.0.1:1" is neither',
    ],
    [
      'a node elsewhere without TLS',
      () => edited(node, 'unix:/run/a.sock', '10.0.0.1:1'),
      'node[0].listen: "10.0.0.1:1" is neither',
    ],
    [
      'TLS and no listener for sites',
      () => region + tls,
      'region[0].site_listen: is required with tls',
    ],
    [
      'TLS without a key',
      () => region + sites + edited(tls, ', key = "/keys/own.key"', ''),
      'region[0].tls.key',
    ],
    ['TLS without an authority', () => node + edited(tls, 'ca = "ca.pem", ', ''), 'node[0].tls.ca'],
    [
      'TLS with more',
      () => node + edited(tls, '{ ca', '{ crl = "x", ca'),
      'node[0].tls.crl: is not a known key',
    ],
    [
      'TLS of a node elsewhere',
      () =>
        region +
        sites +
        tls +
        node.replace('data = "a"\n', '').replace(/(region_address|pool|nbd).*\n/g, '') +
        tls,
      'node[0].tls: is for a node hosted here',
    ],
    [
      'TLS of a region and not of its node',
      () => region + sites + tls + node,
      'node[0].tls: its region has tls and it has not',
    ],
    [
      'TLS of a node and not of its region',
      () => region + node + tls,
      'node[0].tls: it has tls and its region has not',
    ],
    [
      'a node with the name of its region',
      () => region + edited(node, '"a"', '"local"'),
      'site name local is there twice',
    ],
    [
      'a node with the name of a peer',
      () => `${region}peers = [{ name = "a", address = "127.0.0.1:1" }]\n${node}`,
      'site name a is there twice',
    ],
    [
      'one address for both',
      () => `${region}site_listen = "${listen}"\n`,
      'address unix:/run/region.sock is there twice',
    ],
    ['a node without data', () => edited(node, 'data = "a"\n', ''), 'which needs node[0].data'],
  ]
  test.each(cases)('with %s', (_what, text, says) => {
    expect(() => parse(text())).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^ashlar\.toml: [^\n]+$/),
      }),
    )
    expect(() => parse(text())).toThrow(says)
  })
})
