/** What is known of something, as a document that was never saved. */
import * as vscode from 'vscode'

export async function showJson(known: unknown): Promise<void> {
  const document = await vscode.workspace.openTextDocument({
    language: 'json',
    content: JSON.stringify(known, null, 2),
  })
  await vscode.window.showTextDocument(document, { preview: true })
}
