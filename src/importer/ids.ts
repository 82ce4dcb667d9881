let made = 0

/** Counts what the program makes, so that one can ask what existed before something else. */
export function nextId(): number {
  return ++made
}
