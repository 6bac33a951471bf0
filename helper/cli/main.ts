/** `bulkhead`: the command line, and with `bulkhead helper` the helper itself. */
import { Command, CommanderError } from 'commander'
import { defaultRun, defaultState } from '../host/paths.ts'
import { version } from '../version.ts'
import { cgroupsCommand } from './cgroups.ts'
import { containerCommands } from './containers.ts'
import { contentCommands } from './contents.ts'
import { execCommand } from './exec.ts'
import { imageCommands } from './images.ts'
import { eventsCommand } from './events.ts'
import { enterCommand, namespacesCommand } from './namespaces.ts'
import { networkCommand } from './networks.ts'
import { psCommand } from './ps.ts'
import { runCommands } from './run.ts'
import { print, report, withClient } from './session.ts'
import { sharesCommand } from './shares.ts'
import { statsCommand } from './stats.ts'
import { systemCommand } from './system.ts'
import { formatOption } from './table.ts'
import { transferCommands } from './transfers.ts'
import { volumeCommand } from './volumes.ts'

function helperCommand(): Command {
  return new Command('helper')
    .description('be the helper, in the foreground; needs root')
    .option('--state <directory>', 'what survives a reboot: images, containers', defaultState)
    .option('--run <directory>', 'the socket and live state', defaultRun)
    .option('--policy <file>', 'who may weaken a container’s walls', '/etc/bulkhead/policy.json')
    .option('--registries <file>', 'mirrors, and registries without TLS', '/etc/bulkhead/registries.json')
    .action(async (options: { state: string; run: string; policy: string; registries: string }) => {
      // Loaded here alone: the command line has no need of the engine.
      const { runHelper } = await import('../main.ts')
      await runHelper(options)
    })
}

function versionCommand(): Command {
  return new Command('version')
    .description('show versions of client, helper and kernel')
    .addOption(formatOption())
    .action(async ({ format }: { format: 'table' | 'json' }) => {
      const server = await withClient((client) => client.call('version'))
      const client = { version, node: process.version }
      if (format === 'json') return print(`${JSON.stringify({ client, server })}\n`)
      return print(
        `Client:  ${version} (Node ${process.version})\nHelper:  ${server.version} (Node ${server.node}, pid ${server.pid})\nKernel:  ${server.kernel}, cgroups ${server.cgroups}\n`,
      )
    })
}

const program = new Command('bulkhead')
  .description('containers, down to the kernel')
  .version(version)
  .enablePositionalOptions()

for (const command of [
  ...runCommands(),
  execCommand(),
  psCommand(),
  statsCommand(),
  namespacesCommand(),
  enterCommand(),
  cgroupsCommand(),
  sharesCommand(),
  ...containerCommands(),
  ...contentCommands(),
  ...imageCommands(),
  ...transferCommands(),
  networkCommand(),
  volumeCommand(),
  systemCommand(),
  eventsCommand(),
  versionCommand(),
  helperCommand(),
]) {
  command
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'bulkhead: ')) })
  program.addCommand(command)
}
program.exitOverride()

// `bulkhead ps | head`: whoever reads our output may leave.
process.stdout.on('error', () => process.exit(0))

async function main(): Promise<void> {
  try {
    await program.parseAsync()
  } catch (error) {
    // Commander has said what is wrong itself; Docker ends with 125 then.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 125
    else process.exitCode = report(error)
  }
}

void main()
