// A throw-away AT Protocol network on loopback: one PLC directory and personal data servers, in one process.
//
//   node net.mjs [--data DIR]
//
// The public npm packages, changed only where a comment says so. The first line on stdout is {"plc": its URL}, then one
// line answers each command. Commands are JSON lines on stdin:
//   {"id", "cmd": "open"}                a new PDS: its url, domain and adminPassword
//   {"id", "cmd": "close", "pds": url}   that one ends for good
//   {"id", "cmd": "stop"|"start", "pds": url}   it ends, and comes back with its port and data
//   {"id", "cmd": "map", "origin", "to"} what the PDSes fetch from that https origin comes from a server on this machine
// Closing stdin ends everything, so the network cannot outlive the program that started it.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({ options: { data: { type: 'string' } } })
const data = options.data ?? fs.mkdtempSync(path.join(os.tmpdir(), 'atbb-network-'))
process.env.LOG_ENABLED = 'false' // read when the packages are loaded

const plcPackage = await import('@did-plc/server')
const { PlcServer, Database } = plcPackage.default
const { PDS } = await import('@atproto/pds')

const hosts = new Map()
let opened = 0
const origins = new Map()
mapFetches()
const plc = await startPlc()
say({ plc: plc.url })

const commands = {
  open,
  close,
  stop: ({ pds }) => stop(hosts.get(pds)),
  start: ({ pds }) => start(hosts.get(pds)),
  map: ({ origin, to }) => void origins.set(origin, to),
}
const lines = readline.createInterface({ input: process.stdin })
lines.on('close', end)
process.on('SIGTERM', end)
process.on('SIGINT', end)
for await (const line of lines) {
  const { id, cmd, ...rest } = JSON.parse(line)
  try {
    say({ id, ...(await commands[cmd](rest)) })
  } catch (error) {
    say({ id, error: String(error?.stack ?? error) })
  }
}

// The directory keeps its data in memory. Its release on npm answers GET /:did in a shape older than plc.directory's,
// so the document is made anew from GET /:did/data.
async function startPlc() {
  const port = await freePort()
  const { app } = PlcServer.create({ db: Database.mock(), port })
  const url = `http://localhost:${port}`
  const server = http.createServer(async (request, response) => {
    const did = /^\/(did:plc:[a-z2-7]{24})$/.exec(decodeURIComponent(request.url))?.[1]
    if (request.method !== 'GET' || !did) return app(request, response)
    const answer = await fetch(`${url}/${did}/data`)
    const found = await answer.json()
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.ok ? documentOf(found) : found))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { url }
}

function documentOf({ did, alsoKnownAs, verificationMethods, services }) {
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    alsoKnownAs,
    verificationMethod: Object.entries(verificationMethods).map(([name, key]) => ({
      id: `${did}#${name}`,
      type: 'Multikey',
      controller: did,
      publicKeyMultibase: key.slice('did:key:'.length),
    })),
    service: Object.entries(services).map(([name, { type, endpoint }]) => ({
      id: `#${name}`,
      type,
      serviceEndpoint: endpoint,
    })),
  }
}

// There is no https here: what a deployed client publishes is fetched from a local server that stands for its origin.
function mapFetches() {
  const realFetch = globalThis.fetch
  globalThis.fetch = (input, init) => {
    const request = new Request(input, init)
    const { origin, pathname, search } = new URL(request.url)
    const to = origins.get(origin)
    return to ? realFetch(new Request(new URL(pathname + search, to), request)) : realFetch(input, init)
  }
}

async function open() {
  const host = await newHost(opened++)
  hosts.set(host.url, host)
  await start(host)
  return { url: host.url, domain: host.domain, adminPassword: host.adminPassword }
}

async function close({ pds }) {
  const host = hosts.get(pds)
  hosts.delete(pds)
  await stop(host)
  fs.rmSync(host.directory, { recursive: true, force: true })
}

async function newHost(index) {
  const port = await freePort()
  const directory = path.join(data, `pds${index}`)
  fs.mkdirSync(directory, { recursive: true })
  return {
    url: `http://localhost:${port}`,
    domain: `.pds${index}.test`,
    adminPassword: randomBytes(16).toString('hex'),
    port,
    directory,
    secrets: {
      jwtSecret: randomBytes(16).toString('hex'),
      dpopSecret: randomBytes(32).toString('hex'),
      plcRotationKeyK256PrivateKeyHex: randomBytes(32).toString('hex'),
    },
  }
}

// Start a PDS, or start it again with the port and data it had.
async function start(host) {
  const pds = await PDS.fromEnv({
    devMode: true, // plain http, and no guard against private addresses
    port: host.port,
    hostname: 'localhost',
    serviceDid: `did:web:localhost%3A${host.port}`,
    dataDirectory: host.directory,
    blobstoreDiskLocation: path.join(host.directory, 'blobs'),
    blobstoreDiskTmpLocation: path.join(host.directory, 'blobs-tmp'),
    didPlcUrl: plc.url,
    serviceHandleDomains: [host.domain],
    adminPassword: host.adminPassword,
    ...host.secrets,
    inviteRequired: false,
    disableSsrfProtection: true,
    rateLimitsEnabled: false,
    crawlers: [],
  })
  pds.ctx.idResolver.handle.resolve = resolveHandle // no DNS here
  pds.ctx.sequencer.exponentialBackoff = () => new Promise((done) => setTimeout(done, 20)) // else up to 1 s
  await pds.ctx.sequencer.start() // with the next lines, what PDS.start() does, but on loopback only
  host.http = pds.app.listen(host.port, '127.0.0.1')
  host.sockets = new Set()
  host.http.on('connection', (socket) => {
    host.sockets.add(socket)
    socket.on('close', () => host.sockets.delete(socket))
  })
  await once(host.http, 'listening')
  host.running = pds
}

async function stop(host) {
  const pds = host.running
  if (!pds) return
  host.running = undefined
  host.http.close()
  for (const socket of host.sockets) socket.destroy()
  await pds.ctx.destroy()
}

async function resolveHandle(handle) {
  for (const host of [...hosts.values()].filter(({ running }) => running)) {
    const did = await wellKnown(host.port, handle)
    if (did) return did
  }
  return undefined
}

function wellKnown(port, handle) {
  const request = { host: '127.0.0.1', port, path: '/.well-known/atproto-did', headers: { host: handle } }
  return new Promise((done) => {
    http
      .get(request, (response) => {
        let body = ''
        response.on('data', (part) => (body += part))
        response.on('end', () => done(response.statusCode === 200 ? body.trim() : undefined))
      })
      .on('error', () => done(undefined))
  })
}

function freePort() {
  return new Promise((done, fail) => {
    const server = net.createServer().on('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function end() {
  setTimeout(() => process.exit(1), 10_000).unref()
  await Promise.allSettled([...hosts.values()].map(stop))
  if (!options.data) fs.rmSync(data, { recursive: true, force: true })
  process.exit(0)
}
