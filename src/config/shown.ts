/** How text that came from outside is printed for a person: on one line, not too long, without secrets. */

const LONGEST_NAME = 64
const LONGEST_VALUE = 200

const shorten = (text: string, most: number) => (text.length > most ? `${text.slice(0, most)}…` : text)

/** A name as it is when it looks like one, anything else in quotes. */
export function quote(text: string): string {
  return /^[\w.-]{1,64}$/.test(text) ? text : JSON.stringify(shorten(text, LONGEST_NAME))
}

/** A value: control characters make it quoted, the user and password in a URL are `***`. */
export function showValue(text: string, isSecret = false): string {
  if (isSecret) return '***'
  const value = shorten(text.trim().replace(/:\/\/[^/@\s]*@/g, '://***@'), LONGEST_VALUE)
  return /\p{Cc}/u.test(value) ? JSON.stringify(value) : value
}
