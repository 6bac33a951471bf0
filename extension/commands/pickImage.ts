/** Which images a command is for: the rows that are selected, or those that are picked when it came from the palette. */
import * as vscode from 'vscode'
import type { ImageSummary } from '../../helper/protocol/imageSchemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { imageLabel } from '../connection/imageModel.ts'
import type { Context } from '../context.ts'
import { ImageNode } from '../views/layerNodes.ts'
import { pickValues, selectedOf, type PickOptions } from './selection.ts'

export async function pickImages(
  context: Context,
  args: readonly unknown[],
  options: PickOptions & { readonly fits?: (image: ImageSummary) => boolean },
): Promise<ImageSummary[]> {
  const selected = selectedOf(args, ImageNode)
  const fits = (image: ImageSummary): boolean => image.id !== 'host' && (options.fits?.(image) ?? true)
  if (selected.length > 0) return selected.map(({ image }) => image).filter(fits)
  const items = (await context.images.all()).filter(fits).map((image) => ({
    label: imageLabel(image),
    description: `${sizeText(image.size ?? 0)} · ${image.id.slice(7, 19)}`,
    value: image,
  }))
  if (items.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no image yet: pull, load or import one.'))
    return []
  }
  return await pickValues(items, options)
}

export async function pickImage(
  context: Context,
  args: readonly unknown[],
  options: { placeholder: string; fits?: (image: ImageSummary) => boolean },
): Promise<ImageSummary | undefined> {
  return (await pickImages(context, args, { ...options, many: false }))[0]
}

/** What to call an image to the helper: its name, or its id where it has none. */
export function referenceTo({ name, id }: ImageSummary): string {
  return name ?? id
}
