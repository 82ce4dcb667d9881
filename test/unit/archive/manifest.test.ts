import { describe, expect, test } from 'vitest'
import { defaultManifest, isName, parseManifest } from '../../../src/archive/manifest.ts'

describe('names of models', () => {
  test.each(['digits', 'resnet-18', 'a', '0.1_x', 'A'.repeat(128)])('%s is one', name => {
    expect(isName(name)).toBe(true)
  })

  test.each(['', '_a', '.a', '-a', 'a/b', 'a b', 'ä', 'a\n', '..', 'A'.repeat(129)])('%j is none', name => {
    expect(isName(name)).toBe(false)
  })
})

describe('MANIFEST.json', () => {
  test('what torch-model-archiver writes is read', () => {
    const manifest = parseManifest(
      JSON.stringify({
        createdOn: '31/12/2024 23:59:59',
        runtime: 'LSP',
        model: { modelName: 'm', serializedFile: 'm.onnx', handler: 'image_classifier', modelVersion: '2.0' },
        archiverVersion: '0.12.0',
      }),
    )
    expect(manifest.runtime).toBe('LSP')
    expect(manifest.model).toMatchObject({ modelName: 'm', serializedFile: 'm.onnx', modelVersion: '2.0' })
  })

  test('runtime, version, nulls and empty texts have defaults', () => {
    const manifest = parseManifest('\uFEFF{"model": {"handler": null, "configFile": ""}}')
    expect(manifest.runtime).toBe('python')
    expect(manifest.model.modelVersion).toBe('1.0')
    expect(manifest.model.handler).toBeUndefined()
    expect(manifest.model.configFile).toBeUndefined()
  })

  test('unknown fields of old archives do not disturb and are kept', () => {
    const manifest = parseManifest(
      '{"modelServerVersion": "1.0", "specificationVersion": 1, "model": {"modelName": "m", "extensions": {"a": 1}}}',
    )
    expect(manifest.raw).toMatchObject({ specificationVersion: 1, model: { extensions: { a: 1 } } })
  })

  test('a key named __proto__ changes nobody', () => {
    const manifest = parseManifest(
      '{"__proto__": {"runtime": "x"}, "model": {"__proto__": {"handler": "evil"}}}',
    )
    expect(manifest.model.handler).toBeUndefined()
    expect(JSON.stringify(manifest.raw)).toBe('{"model":{}}')
    expect(({} as Record<string, unknown>)['handler']).toBeUndefined()
  })

  test.each([
    ['no JSON', '{"model": ', 'cannot be read'],
    ['a list', '[]', 'one JSON object'],
    ['JSON nested without end', '['.repeat(100_000) + ']'.repeat(100_000), '32 levels'],
    ['a model that is none', '{"model": 3}', 'model in MANIFEST.json must be an object'],
    ['a number for a text', '{"model": {"handler": 3}}', 'model.handler in MANIFEST.json must be a string'],
    ['a name that is none', '{"model": {"modelName": "../x"}}', 'model.modelName'],
    ['a version that is none', '{"model": {"modelVersion": "1\\n2"}}', 'model.modelVersion'],
  ])('%s is refused with TorchServe’s text and the reason', (_, text, reason) => {
    expect(() => parseManifest(text)).toThrow(
      expect.objectContaining({
        code: 'INVALID_MODEL',
        message: 'Failed to parse signature.json.',
        reason: expect.stringContaining(reason),
      }),
    )
  })

  test.each(['null', '"node"', '7'])('the runtime %s is refused', runtime => {
    expect(() => parseManifest(`{"runtime": ${runtime}, "model": {}}`)).toThrow(
      'Runtime is not defined or invalid.',
    )
  })

  test('a manifest without a model is refused', () => {
    expect(() => parseManifest('{}')).toThrow('Missing Model entry in manifest file.')
  })

  test('the default manifest says only what is known', () => {
    expect(defaultManifest({ serializedFile: 'a.onnx' }).raw).toEqual({
      runtime: 'python',
      model: { modelVersion: '1.0', serializedFile: 'a.onnx' },
    })
  })
})
