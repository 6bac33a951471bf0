/** `bulkhead exec`: one more command in a running container. */
import { Command } from 'commander'
import { attached, detachKeysOption, windowSize } from './attached.ts'
import { environment } from './runFlags.ts'
import { withClient } from './session.ts'
import { collect, defined } from './units.ts'

interface ExecOptions {
  detach?: boolean
  interactive?: boolean
  tty?: boolean
  env?: string[]
  workdir?: string
  user?: string
  detachKeys: string
}

export function execCommand(): Command {
  return new Command('exec')
    .description('run one more command in a running container')
    .argument('<container>')
    .argument('<command...>')
    .passThroughOptions()
    .option('-d, --detach', 'in the background')
    .option('-i, --interactive', 'keep stdin open')
    .option('-t, --tty', 'give it a terminal')
    .option('-e, --env <name=value>', 'set a variable', collect)
    .option('-w, --workdir <directory>')
    .option('-u, --user <name|uid[:group|gid]>')
    .addOption(detachKeysOption())
    .action(async (container: string, command: string[], options: ExecOptions) => {
      const { detach = false, interactive = false, tty = false, env = [], workdir, user, detachKeys } = options
      const request = {
        container,
        command,
        env: environment(env),
        tty,
        openStdin: interactive,
        attach: !detach,
        ...defined({ workingDirectory: workdir, user }),
        ...windowSize(),
      }
      process.exitCode = await withClient(async (client) => {
        if (detach) {
          await client.call('containers/exec', request)
          return 0
        }
        return await attached(client, {
          tty,
          openStdin: interactive,
          detachKeys,
          start: async () => (await client.call('containers/exec', request)).id,
          signal: (id, signal) => client.call('exec/kill', { id, signal }),
          resize: (id, size) => client.call('exec/resize', { id, ...size }),
        })
      })
    })
}
