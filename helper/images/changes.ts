/** Docker's `--change`: instructions of a Dockerfile that set something of an image's configuration. */
import { DockerfileParser, type Env, type Instruction, type Label } from 'dockerfile-ast'
import * as z from 'zod'
import { BulkheadError } from '../protocol/errors.ts'
import type { ImageSettings } from './formats.ts'

function words(instruction: Instruction): string[] {
  return instruction.getExpandedArguments().map((argument) => argument.getValue())
}

function refuse(text: string, why: string): never {
  throw new BulkheadError('InvalidRequest', `the change "${text}" ${why}`, {
    hint: 'A change is one of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR, as in a Dockerfile.',
  })
}

const jsonWords = z.array(z.string())

/** The words of an instruction that is written in JSON; undefined for any other. */
function inJson(instruction: Instruction): string[] | undefined {
  const content = (instruction.getRawArgumentsContent() ?? '').trim()
  if (!content.startsWith('[')) return undefined
  try {
    return jsonWords.parse(JSON.parse(content))
  } catch {
    return undefined // a shell may have such a command
  }
}

/** A command in JSON is run as it is, any other by the shell. */
function command(instruction: Instruction): string[] {
  return inJson(instruction) ?? ['/bin/sh', '-c', instruction.getRawArgumentsContent() ?? '']
}

function properties(instruction: Instruction): [string, string][] {
  return (instruction as Env | Label).getProperties().map((property) => [property.getName(), property.getValue() ?? ''])
}

function withVariables(env: readonly string[], set: readonly [string, string][]): string[] {
  const changed = new Map(set)
  const kept = env.filter((entry) => !changed.has(entry.slice(0, entry.indexOf('='))))
  return [...kept, ...set.map(([name, value]) => `${name}=${value}`)]
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]))
}

function applyOne(settings: ImageSettings, text: string): ImageSettings {
  const instructions = DockerfileParser.parse(text).getInstructions()
  const [instruction] = instructions
  if (instruction === undefined || instructions.length > 1) refuse(text, 'is not one instruction')
  const first = words(instruction)[0]
  if (first === undefined) refuse(text, 'sets nothing')
  switch (instruction.getKeyword()) {
    case 'CMD':
      return { ...settings, Cmd: command(instruction) }
    case 'ENTRYPOINT':
      return { ...settings, Entrypoint: command(instruction) }
    case 'ENV':
      return { ...settings, Env: withVariables(settings.Env ?? [], properties(instruction)) }
    case 'LABEL':
      return { ...settings, Labels: { ...settings.Labels, ...Object.fromEntries(properties(instruction)) } }
    case 'EXPOSE': {
      const ports = words(instruction).map((port) => (port.includes('/') ? port : `${port}/tcp`))
      return { ...settings, ExposedPorts: { ...settings.ExposedPorts, ...keys(ports) } }
    }
    case 'VOLUME':
      return { ...settings, Volumes: { ...settings.Volumes, ...keys(inJson(instruction) ?? words(instruction)) } }
    case 'USER':
      return { ...settings, User: first }
    case 'WORKDIR':
      return { ...settings, WorkingDir: first.startsWith('/') ? first : `${settings.WorkingDir ?? ''}/${first}` }
    case 'STOPSIGNAL':
      return { ...settings, StopSignal: first }
    case 'ONBUILD':
      return { ...settings, OnBuild: [...(settings.OnBuild ?? []), instruction.getRawArgumentsContent() ?? ''] }
    default:
      return refuse(text, 'is not an instruction that changes a configuration')
  }
}

/** @throws BulkheadError InvalidRequest that says which change is wrong, and what there is */
export function applyChanges(settings: ImageSettings, changes: readonly string[]): ImageSettings {
  return changes.reduce(applyOne, settings)
}
