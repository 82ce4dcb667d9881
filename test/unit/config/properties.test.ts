import { describe, expect, test } from 'vitest'
import { parseProperties, substituteVariables } from '../../../src/config/properties.ts'

const read = (text: string) =>
  Object.fromEntries(Array.from(parseProperties(text, 'f').entries, ([key, { value }]) => [key, value]))

describe('the syntax of properties files is that of java.util.Properties', () => {
  test.each<[what: string, text: string, expected: Record<string, string>]>([
    ['an equals sign separates', 'a=1', { a: '1' }],
    ['a colon separates', 'a:1', { a: '1' }],
    ['a blank separates', 'a 1', { a: '1' }],
    ['blanks around the separator belong to nobody', '  a \t=\f 1', { a: '1' }],
    ['only the first separator counts', 'a = = b:c', { a: '= b:c' }],
    ['blanks at the end of a value stay', 'a=1  ', { a: '1  ' }],
    ['a key alone has an empty value', 'a\nb=', { a: '', b: '' }],
    ['comments and blank lines are left out', '# x=1\n  ! y=2\n\n \t\na=1', { a: '1' }],
    ['a comment is not continued', '# x \\\na=1', { a: '1' }],
    ['a # inside a value is no comment', 'a=1 # 2', { a: '1 # 2' }],
    ['a line goes on after a backslash', 'a=1,\\\n   2,\\\n\t3', { a: '1,2,3' }],
    ['an escaped backslash at the end does not go on', 'a=1\\\\\nb=2', { a: '1\\', b: '2' }],
    ['three backslashes at the end go on', 'a=1\\\\\\\n  2', { a: '1\\2' }],
    ['a blank line ends a continued one', 'a=1\\\n\nb=2', { a: '1', b: '2' }],
    ['a # at the start of a continuation is a value', 'a=1\\\n#2', { a: '1#2' }],
    ['a backslash alone is a blank line', '\\\na=1', { a: '1' }],
    ['a backslash at the end of the file is dropped', 'a=1\\', { a: '1' }],
    ['a key may be continued', 'a\\\n  b=1', { ab: '1' }],
    ['separators in a key are escaped', 'a\\=b\\:c\\ d=1', { 'a=b:c d': '1' }],
    ['escapes are resolved', 'a=\\t\\n\\r\\f\\u0041\\u00e9', { a: '\t\n\r\fAé' }],
    ['other escapes are the letter itself', 'a=C:\\dir\\"x"', { a: 'C:dir"x"' }],
    ['lines end in CR LF, LF or CR', 'a=1\r\nb=2\rc=3\n', { a: '1', b: '2', c: '3' }],
    ['CR LF may be continued', 'a=1\\\r\n  2', { a: '12' }],
    ['a byte order mark is left out', '\uFEFFa=1', { a: '1' }],
    ['names of JavaScript are ordinary keys', 'constructor=1', { constructor: '1' }],
  ])('%s', (_, text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  test('an entry knows the line on which its key stands', () => {
    const { entries } = parseProperties('# x\na=1\\\n 2\n\nb=3', 'f')
    expect(entries.get('a')?.line).toBe(2)
    expect(entries.get('b')?.line).toBe(5)
  })

  test('a repeated key takes its last value, with a warning', () => {
    const { entries, warnings } = parseProperties('a=1\na=2', 'my.properties')
    expect(entries.get('a')?.value).toBe('2')
    expect(warnings).toEqual(['my.properties line 2 sets a again; its value from line 1 is not used'])
  })

  test.each(['a=\\u12', 'a=\\uXYZW', '\\u=1'])('a malformed escape is refused with its line: %s', text => {
    expect(() => parseProperties(`\n${text}`, 'f')).toThrow('f line 2: malformed \\uXXXX')
  })
})

describe('$$NAME$$ in a value', () => {
  test('is the variable, wherever it stands', () => {
    const env = { HOME_DIR: '/x', B: '$&' }
    expect(substituteVariables('$$HOME_DIR$$/a/$$B$$', env)).toBe('/x/a/$&')
  })

  test('that is not set is refused by name', () => {
    expect(() => substituteVariables('$$NOPE$$', {})).toThrow('Invalid Environment Variable NOPE')
  })

  test('is left alone when it is not complete', () => {
    expect(substituteVariables('$$A and $B$ and $$', {})).toBe('$$A and $B$ and $$')
  })
})
