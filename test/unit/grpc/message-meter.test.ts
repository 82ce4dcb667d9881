import { expect, test } from 'vitest'
import { MessageMeter } from '../../../src/grpc/message-meter.ts'

/** A message of so many bytes, with its head. */
function framed(bytes: number): Buffer {
  const message = Buffer.alloc(5 + bytes, 7)
  message.writeUInt8(0, 0)
  message.writeUInt32BE(bytes, 1)
  return message
}

const stream = Buffer.concat([framed(300), framed(0), framed(70_000), framed(1)])

test.each([1, 2, 5, 7, 305, 310, 16_384, stream.length])(
  'in pieces of %i bytes what is left of a message that is not whole is told, and nothing once it is',
  size => {
    const meter = new MessageMeter()
    const ends = [305, 310, 70_315, 70_321]
    for (let at = 0; at < stream.length; at += size) {
      const end = Math.min(at + size, stream.length)
      meter.add(stream.subarray(at, end))
      const last = [0, ...ends].findLast(whole => whole <= end) ?? 0
      expect(meter.incomplete).toBe(end - last)
    }
    expect(meter.incomplete).toBe(0)
  },
)
