import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands, contextKeys, settings, views, terminalProfiles } from '../../../extension/contributions.ts'

const root = join(import.meta.dirname, '../../..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const texts = JSON.parse(readFileSync(join(root, 'package.nls.json'), 'utf8')) as Record<string, string>
const { contributes } = manifest

describe('the manifest', () => {
  it('declares exactly the commands of the table', () => {
    const declared = contributes.commands.map(({ command }: { command: string }) => command)
    assert.deepEqual(declared.toSorted(), Object.values(commands).toSorted())
  })

  it('declares exactly the settings and views of the table', () => {
    assert.deepEqual(Object.keys(contributes.configuration.properties).toSorted(), Object.values(settings).toSorted())
    assert.deepEqual(
      contributes.views.bulkhead.map(({ id }: { id: string }) => id),
      Object.values(views),
    )
  })

  it('uses no command and no context key in its menus that there is not', () => {
    const known = new Set<string>(Object.values(commands))
    const menus = Object.values(contributes.menus).flat() as { command: string; when?: string }[]
    for (const { command } of menus) assert.ok(known.has(command), command)
    const keys = JSON.stringify(contributes).match(/bulkhead\.state/g) ?? []
    assert.ok(keys.length > 0 && contextKeys.state === 'bulkhead.state')
  })

  it('has a text for each of its keys, and no text without one', () => {
    const used = [...JSON.stringify(manifest).matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key!)
    assert.deepEqual([...new Set(used)].toSorted(), Object.keys(texts).toSorted())
  })

  it('lets no folder choose what runs as root', () => {
    // How rows are grouped, sorted and shown is anybody's.
    const { host, helperPath, helperArguments, ...others } = settings
    const looks: string[] = Object.values(others)
    assert.deepEqual(
      [host, helperPath, helperArguments].filter((name) => !(name in contributes.configuration.properties)),
      [],
    )
    for (const [name, { scope }] of Object.entries<{ scope: string }>(contributes.configuration.properties)) {
      if (looks.includes(name)) continue
      assert.equal(scope, 'machine', name)
      assert.ok(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.includes(name), name)
    }
    assert.equal(manifest.capabilities.untrustedWorkspaces.supported, 'limited')
  })

  it('wakes on use alone', () =>
    assert.deepEqual(manifest.activationEvents, [
      'onFileSystem:bulkhead',
      'onTaskType:bulkhead',
      `onTerminalProfile:${terminalProfiles.throwAway}`,
    ]))
})
