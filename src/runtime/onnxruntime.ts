/**
 * ONNX Runtime, with its telemetry off: its packages report their use to Microsoft, and keep an identifier and a
 * database in the user's cache (https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md). It reads this
 * variable as it is loaded, so it is loaded here and nowhere else.
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1'

export const ort = await import('onnxruntime-node')
