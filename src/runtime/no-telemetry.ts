/**
 * ONNX Runtime's packages report their use to Microsoft, and keep an identifier and a database in the user's cache for
 * it (https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md). It reads this variable as it is loaded, so
 * this module is imported before it.
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1'
