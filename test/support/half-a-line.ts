/** A program that ends in the middle of what it has to say, as one does that is killed. */
import { writeSync } from 'node:fs'

writeSync(3, '{"said":"all of it"}\n{"said":"half o')
