/** Networks and published ports, as zod schemas: checked by the helper before anything is done. */
import * as z from 'zod'
import { containerReference, labels, text } from './fields.ts'
import { containerName, nameRule } from './names.ts'

export const networkName = z.string().max(128).regex(containerName, nameRule)

/** A network by its name, its id, or the beginning of its id. */
export const networkReference = z.string().min(1).max(128)

/** `none`, `host`, `container:NAME`, or a network's name. */
export const networkMode = z.union([z.string().regex(/^container:.{1,128}$/), networkReference])

const address4 = z.ipv4('must be an IPv4 address such as 10.208.0.5')
const address6 = z.ipv6('must be an IPv6 address such as fd00::5')
const address = z.union([address4, address6])
export const subnet = z.union([z.cidrv4(), z.cidrv6()], 'must be a subnet such as 10.5.0.0/24')

/** A name as DNS knows it; Docker allows `_`, too. */
export const dnsName = z
  .string()
  .max(253)
  .regex(/^[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/, 'must be a host name')

export const protocol = z.enum(['tcp', 'udp'])
export type Protocol = z.infer<typeof protocol>

const portNumber = z.int().min(1).max(65_535)

export const publishRequest = z.strictObject({
  /** Of the host; empty for all of them. */
  hostIp: z.union([address, z.literal('')]).default(''),
  /** 0 for any that is free. */
  hostPort: z.int().min(0).max(65_535).default(0),
  containerPort: portNumber,
  protocol: protocol.default('tcp'),
})
export type PublishRequest = z.infer<typeof publishRequest>

/** A published port as it is: `hostPort` is never 0. */
export const publishedPort = z.object({
  hostIp: z.string(),
  hostPort: z.number(),
  containerPort: z.number(),
  protocol,
})
export type PublishedPort = z.infer<typeof publishedPort>

/** How a container takes part in a network. What is left out is chosen. */
export const endpointOptions = z.strictObject({
  /** Further names in that network. */
  aliases: z.array(dnsName).max(64).default([]),
  address: address4.optional(),
  address6: address6.optional(),
  mac: z
    .string()
    .regex(/^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/, 'must be a unicast address such as 02:42:0a:00:00:05')
    .optional(),
})
export type EndpointOptions = z.infer<typeof endpointOptions>

export const connectRequest = endpointOptions.extend({ network: networkReference })

/** What a container says of networks and of names. */
export const networkFields = {
  network: networkMode.default('bridge'),
  endpoint: endpointOptions.default({ aliases: [] }),
  /** Further networks. */
  connect: z.array(connectRequest).max(16).default([]),
  publish: z.array(publishRequest).max(1024).default([]),
  /** Publish every port that the image exposes, at any that is free. */
  publishAll: z.boolean().default(false),
  expose: z
    .array(z.strictObject({ containerPort: portNumber, protocol: protocol.default('tcp') }))
    .max(1024)
    .default([]),
  /** Who is asked for names outside of the network; empty: whom the host asks. */
  dns: z.array(address).max(8).default([]),
  dnsSearch: z.array(dnsName).max(16).default([]),
  dnsOptions: z
    .array(text(64).regex(/^[a-z0-9:-]+$/, 'must be an option of resolv.conf such as ndots:2'))
    .max(16)
    .default([]),
  /** Lines of /etc/hosts. `host-gateway` is the host's address in the network. */
  addHosts: z
    .array(z.strictObject({ name: dnsName, address: z.union([address, z.literal('host-gateway')]) }))
    .max(256)
    .default([]),
}

/** A container's place in a network while it runs. */
export const endpoint = z.object({
  network: z.string(),
  networkName: z.string(),
  /** The host's end of the veth(4) pair, and the container's. */
  link: z.string(),
  name: z.string(),
  mac: z.string(),
  address: z.string(),
  address6: z.string().nullable(),
  aliases: z.array(z.string()),
})
export type Endpoint = z.infer<typeof endpoint>

export const createNetwork = z.strictObject({
  name: networkName,
  /** At most one of each family; chosen where none is given. */
  subnets: z.array(subnet).max(2).default([]),
  gateways: z.array(address).max(2).default([]),
  ipv6: z.boolean().default(false),
  /** No way out, and none in. */
  internal: z.boolean().default(false),
  labels,
})
export type CreateNetwork = z.infer<typeof createNetwork>

export const networkSummary = z.object({
  id: z.string(),
  name: z.string(),
  driver: z.enum(['bridge', 'host', 'none']),
  subnets: z.array(z.object({ subnet: z.string(), gateway: z.string() })),
  internal: z.boolean(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.number(),
  /** Name of the bridge's link; empty for `host` and `none`. */
  bridge: z.string(),
  /** Those that run, by id. */
  containers: z.array(z.object({ id: z.string(), name: z.string(), endpoint })),
})
export type NetworkSummary = z.infer<typeof networkSummary>

export const networkByReference = z.strictObject({ network: networkReference })
export const connectParams = connectRequest.extend({ container: containerReference })
