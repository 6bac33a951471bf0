/** What a process runs, in a word: `sh` of `/bin/sh -c true`. */
export function programOf(command: string): string {
  return command.split(' ')[0]!.replace(/.*\/(?=.)/, '')
}
