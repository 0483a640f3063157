/** A value of AMF. Objects are maps: a name of a peer's choosing is a name like any other. */
export type AmfValue = number | boolean | string | null | undefined | AmfValue[] | AmfObject

/** An object, or an ECMA array, of AMF. */
export type AmfObject = Map<string, AmfValue>

/** What a peer sent is no AMF, or exceeds its bounds. */
export class AmfError extends Error {}

/** How deep objects may be nested, and how many values one message may have. */
const MAX_DEPTH = 8
const MAX_VALUES = 1_000

/** Markers of AMF0 ("Action Message Format -- AMF 0", section 2.1). */
const AMF0 = {
  number: 0,
  boolean: 1,
  string: 2,
  object: 3,
  null: 5,
  undefined: 6,
  ecmaArray: 8,
  objectEnd: 9,
  strictArray: 10,
  date: 11,
  longString: 12,
  unsupported: 13,
  xml: 15,
  typedObject: 16,
  amf3: 17,
} as const

/** Markers of AMF3 ("Action Message Format -- AMF 3", section 3.1) that stand for single values. */
const AMF3 = { undefined: 0, null: 1, false: 2, true: 3, integer: 4, double: 5, string: 6 } as const

/**
 * Reads the values of a message in AMF0, one after the other. Of AMF3, which old encoders switch to for single values, numbers, strings and
 * booleans are taken.
 * @throws AmfError where it ends too early, is nested too deep, has too many values, or has a type that RTMP has no use for
 */
export function readAmf(bytes: Buffer): AmfValue[] {
  const reader = new AmfReader(bytes)
  const values: AmfValue[] = []
  while (!reader.isAtEnd) values.push(reader.value(0))
  return values
}

class AmfReader {
  readonly #bytes: Buffer
  #at = 0
  #values = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  value(depth: number): AmfValue {
    if (++this.#values > MAX_VALUES) throw new AmfError(`A message has more than ${MAX_VALUES} values.`)
    if (depth > MAX_DEPTH) throw new AmfError(`Objects are nested deeper than ${MAX_DEPTH}.`)
    const marker = this.#take(1).readUInt8()
    switch (marker) {
      case AMF0.number:
        return this.#take(8).readDoubleBE()
      case AMF0.boolean:
        return this.#take(1).readUInt8() !== 0
      case AMF0.string:
        return this.#shortString()
      case AMF0.longString:
      case AMF0.xml:
        return this.#take(this.#take(4).readUInt32BE()).toString()
      case AMF0.null:
      case AMF0.unsupported:
        return null
      case AMF0.undefined:
        return undefined
      case AMF0.date:
        // Milliseconds, and a time zone that is reserved.
        return this.#take(10).readDoubleBE()
      case AMF0.typedObject:
        this.#shortString()
        return this.#properties(depth)
      case AMF0.object:
        return this.#properties(depth)
      case AMF0.ecmaArray:
        // The count is a hint: phones write 0, or one too many.
        this.#take(4)
        return this.#properties(depth)
      case AMF0.strictArray:
        return this.#list(depth)
      case AMF0.amf3:
        return this.#amf3()
      default:
        throw new AmfError(`A value has the type ${marker}, which is not taken.`)
    }
  }

  #properties(depth: number): AmfObject {
    const object: AmfObject = new Map()
    // Some write no end where the message ends.
    while (!this.isAtEnd) {
      const name = this.#shortString()
      if (name === '' && this.#bytes[this.#at] === AMF0.objectEnd) {
        this.#at++
        return object
      }
      object.set(name, this.value(depth + 1))
    }
    return object
  }

  #list(depth: number): AmfValue[] {
    const count = this.#take(4).readUInt32BE()
    const list: AmfValue[] = []
    // A count is not believed: each value takes a byte, and the end of the message ends the list.
    while (list.length < count) list.push(this.value(depth + 1))
    return list
  }

  #amf3(): AmfValue {
    const marker = this.#take(1).readUInt8()
    switch (marker) {
      case AMF3.undefined:
        return undefined
      case AMF3.null:
        return null
      case AMF3.false:
        return false
      case AMF3.true:
        return true
      case AMF3.integer: {
        const value = this.#u29()
        return value >= 0x10000000 ? value - 0x20000000 : value
      }
      case AMF3.double:
        return this.#take(8).readDoubleBE()
      case AMF3.string: {
        const header = this.#u29()
        if ((header & 1) === 0) throw new AmfError('A string of AMF3 is a reference, which is not taken.')
        return this.#take(header >> 1).toString()
      }
      default:
        throw new AmfError(`A value has the type ${marker} of AMF3, which is not taken.`)
    }
  }

  /** A number of 29 bits in one to four bytes (AMF 3, section 1.3.1). */
  #u29(): number {
    let value = 0
    for (let index = 0; index < 4; index++) {
      const byte = this.#take(1).readUInt8()
      if (index === 3) return value * 0x100 + byte
      value = value * 0x80 + (byte & 0x7f)
      if (byte < 0x80) break
    }
    return value
  }

  #shortString(): string {
    return this.#take(this.#take(2).readUInt16BE()).toString()
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new AmfError('A message of AMF ends too early.')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }
}

/** The bytes of `values` in AMF0, one after the other. */
export function writeAmf(...values: AmfValue[]): Buffer {
  return Buffer.concat(values.map(written))
}

/** The bytes of an ECMA array, which metadata is (AMF 0, section 2.10). */
export function writeEcmaArray(values: AmfObject): Buffer {
  return Buffer.concat([Buffer.from([AMF0.ecmaArray]), uint32(values.size), properties(values)])
}

function written(value: AmfValue): Buffer {
  if (value === null) return Buffer.from([AMF0.null])
  if (value === undefined) return Buffer.from([AMF0.undefined])
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.from([AMF0.strictArray]), uint32(value.length), ...value.map(written)])
  }
  if (value instanceof Map) return Buffer.concat([Buffer.from([AMF0.object]), properties(value)])
  switch (typeof value) {
    case 'number': {
      const bytes = Buffer.alloc(9)
      bytes.writeDoubleBE(value, 1)
      return bytes
    }
    case 'boolean':
      return Buffer.from([AMF0.boolean, value ? 1 : 0])
    case 'string': {
      const text = Buffer.from(value)
      if (text.length < 0x10000) return Buffer.concat([Buffer.from([AMF0.string]), shortString(text)])
      return Buffer.concat([Buffer.from([AMF0.longString]), uint32(text.length), text])
    }
  }
}

function properties(values: AmfObject): Buffer {
  const pairs = [...values].flatMap(([name, value]) => [shortString(Buffer.from(name)), written(value)])
  return Buffer.concat([...pairs, Buffer.from([0, 0, AMF0.objectEnd])])
}

function shortString(text: Buffer): Buffer {
  return Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), text])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
