/** `bulkhead run` and `create`: Docker's flags, and its behaviour at a terminal. */
import { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { Params } from '../protocol/methods.ts'
import { parseReference } from '../protocol/reference.ts'
import { attached, detachKeysOption } from './attached.ts'
import { requestOf, withRunFlags, type RunFlags } from './runFlags.ts'
import { print, withClient } from './session.ts'
import { pullImage } from './transfers.ts'

type When = 'missing' | 'always' | 'never'

/** Runs it, and fetches the image first where it is missing, or where a newer one is wanted. */
async function withImage<T>(name: string, when: When, run: () => Promise<T>): Promise<T> {
  const pull = (): Promise<unknown> => withClient((client) => pullImage(client, name, { quiet: false }))
  if (when === 'always') await pull()
  try {
    return await run()
  } catch (error) {
    const isMissing = error instanceof BulkheadError && error.reason === 'ImageNotFound'
    if (!isMissing || when !== 'missing' || parseReference(name) === undefined) throw error
    process.stderr.write(`Unable to find image '${name}' locally\n`)
    await pull()
    return await run()
  }
}

function runAttached(client: Client, request: Params<'containers/run'>, detachKeys: string): Promise<number> {
  return attached(client, {
    tty: request.tty === true,
    openStdin: request.openStdin === true,
    detachKeys,
    start: async () => (await client.call('containers/run', request)).id,
    signal: (container, signal) => client.call('containers/kill', { container, signal }),
    resize: (container, size) => client.call('containers/resize', { container, ...size }),
  })
}

interface RunOptions extends RunFlags {
  detach?: boolean
  detachKeys: string
  pull: When
}

export function runCommands(): Command[] {
  const run = new Command('run')
    .description('make a container from an image, and start it')
    .argument('<image>', 'host, or the name of an image, which is pulled when it is not here')
    .argument('[command...]')
    .passThroughOptions()
    .option('-d, --detach', 'in the background: print its id')
    .addOption(detachKeysOption())
    .action(async (image: string, command: string[], options: RunOptions) => {
      const request = { ...requestOf(image, command, options), attach: options.detach !== true }
      process.exitCode = await withImage(image, options.pull, () =>
        withClient(async (client) => {
          if (request.attach) return await runAttached(client, request, options.detachKeys)
          const { id } = await client.call('containers/run', request)
          await print(`${id}\n`)
          return 0
        }),
      )
    })
  const create = new Command('create')
    .description('make a container from an image, to be started later')
    .argument('<image>', 'host, or the name of an image, which is pulled when it is not here')
    .argument('[command...]')
    .passThroughOptions()
    .action(async (image: string, command: string[], options: RunFlags & { pull: When }) => {
      const request = { ...requestOf(image, command, options), attach: true }
      const { id } = await withImage(image, options.pull, () =>
        withClient((client) => client.call('containers/create', request)),
      )
      await print(`${id}\n`)
    })
  return [withRunFlags(run), withRunFlags(create)]
}
