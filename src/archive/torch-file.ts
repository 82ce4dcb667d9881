/** Whether the name is that of a file that is imported: TorchScript, or weights, which the import tells apart. */
export function isTorchFile(name: string): boolean {
  return /\.(pt|pth)$/i.test(name)
}

/** Why a file of PyTorch's own formats cannot be served, or undefined for any other file. Looks at the name only. */
export function torchRefusal(name: string): string | undefined {
  if (!/\.pt2$/i.test(name)) return undefined
  return (
    'files of torch.export (.pt2) cannot be served yet: save the model as TorchScript, with torch.jit.script or ' +
    'torch.jit.trace, or export it with torch.onnx.export, and serve the .pt or .onnx file'
  )
}
