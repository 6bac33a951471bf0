/** What a command is for: rows that are selected in a view, or items that are picked when it came from the palette. */
import * as vscode from 'vscode'

/** A view hands over the row that was clicked, and all rows that are selected. */
export function selectedRows([clicked, all]: readonly unknown[]): unknown[] {
  return Array.isArray(all) && all.length > 0 ? all : [clicked]
}

export function selectedOf<T>(args: readonly unknown[], kind: new (...args: never[]) => T): T[] {
  return selectedRows(args).filter((row): row is T => row instanceof kind)
}

export interface PickOptions {
  readonly placeholder: string
  readonly many: boolean
}

/** The values of those picked; none when the user thought better of it. */
export async function pickValues<T>(
  items: readonly (vscode.QuickPickItem & { readonly value: T })[],
  { placeholder, many }: PickOptions,
): Promise<T[]> {
  const picked = await vscode.window.showQuickPick(items, {
    placeHolder: placeholder,
    canPickMany: many as true,
    matchOnDescription: true,
  })
  if (picked === undefined) return []
  return (Array.isArray(picked) ? picked : [picked]).map(({ value }) => value)
}
