/** Why a file of PyTorch's own formats cannot be served, or undefined for any other file. Looks at the name only. */
export function torchRefusal(name: string): string | undefined {
  if (!/\.(pt|pth|pt2)$/i.test(name)) return undefined
  return (
    'PyTorch files (.pt, .pth, .pt2) cannot be served yet: export the model to ONNX with torch.onnx.export ' +
    'and serve the .onnx file'
  )
}
