/** Input in several steps, each with a way back: VS Code's own convention for wizards. */
import * as vscode from 'vscode'

/** What a step answers when the user went back, or gave up. */
export const back = Symbol('back')
export const cancelled = Symbol('cancelled')
type Answer<T> = T | typeof back | typeof cancelled

interface StepOptions {
  readonly title: string
  readonly step: number
  readonly totalSteps: number
}

/** Shows an input until it is accepted, left, or gone back from. */
function ask<T>(
  input: vscode.QuickInput,
  options: StepOptions,
  accept: (resolve: (answer: Answer<T>) => void) => vscode.Disposable[],
): Promise<Answer<T>> {
  const { promise, resolve } = Promise.withResolvers<Answer<T>>()
  input.title = options.title
  input.step = options.step
  input.totalSteps = options.totalSteps
  input.ignoreFocusOut = true
  const disposables = [input, ...accept(resolve), input.onDidHide(() => resolve(cancelled))]
  input.show()
  return promise.finally(() => {
    vscode.Disposable.from(...disposables).dispose()
  })
}

export function pickStep<T extends vscode.QuickPickItem>(
  options: StepOptions & { items: readonly T[]; placeholder: string },
): Promise<Answer<T>> {
  const input = vscode.window.createQuickPick<T>()
  input.items = options.items
  input.placeholder = options.placeholder
  input.matchOnDescription = true
  if (options.step > 1) input.buttons = [vscode.QuickInputButtons.Back]
  return ask(input, options, (resolve) => [
    input.onDidTriggerButton(() => resolve(back)),
    input.onDidAccept(() => {
      const item = input.selectedItems[0]
      if (item !== undefined) resolve(item)
    }),
  ])
}

export function inputStep(
  options: StepOptions & {
    prompt: string
    value: string
    placeholder: string
    validate: (value: string) => string | undefined
  },
): Promise<Answer<string>> {
  const input = vscode.window.createInputBox()
  input.prompt = options.prompt
  input.value = options.value
  input.placeholder = options.placeholder
  if (options.step > 1) input.buttons = [vscode.QuickInputButtons.Back]
  return ask(input, options, (resolve) => [
    input.onDidTriggerButton(() => resolve(back)),
    input.onDidChangeValue((value) => (input.validationMessage = options.validate(value))),
    input.onDidAccept(() => {
      input.validationMessage = options.validate(input.value)
      if (input.validationMessage === undefined) resolve(input.value)
    }),
  ])
}
