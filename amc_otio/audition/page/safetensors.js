// Reads safetensors: a JSON header that says where each tensor lies, then their bytes.

const VIEWS = {
  F32: Float32Array,
  F64: Float64Array,
  I8: Int8Array,
  I16: Int16Array,
  I32: Int32Array,
  U8: Uint8Array,
  U16: Uint16Array,
  U32: Uint32Array,
};

/**
 * Read a safetensors file.
 *
 * @param {ArrayBuffer} buffer the whole file
 * @returns {{metadata: Object<string, string>, tensors: Object<string, TypedArray & {shape: number[]}>}}
 *   tensors are views of the buffer, row-major, with a `shape` each
 * @throws {Error} when the file is damaged or holds a type that the page has no use for
 */
export function parse(buffer) {
  const data = new DataView(buffer);
  const size = buffer.byteLength >= 8 ? Number(data.getBigUint64(0, true)) : Infinity;
  if (8 + size > buffer.byteLength) throw new Error("damaged safetensors: the header is cut off");
  const header = new TextDecoder().decode(new Uint8Array(buffer, 8, size));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(header);
  const tensors = {};
  for (const [name, entry] of Object.entries(entries)) tensors[name] = view(buffer, 8 + size, name, entry);
  return { metadata, tensors };
}

function view(buffer, start, name, { dtype, shape, data_offsets: [from, to] }) {
  const View = VIEWS[dtype];
  if (!View) throw new Error(`tensor ${name}: no view of ${dtype}`);
  const count = shape.reduce((product, one) => product * one, 1);
  if (to - from !== count * View.BYTES_PER_ELEMENT || from < 0 || start + to > buffer.byteLength) {
    throw new Error(`damaged safetensors: tensor ${name} does not lie where the header says`);
  }
  // A view needs its type's alignment; the format does not promise it.
  const aligned = (start + from) % View.BYTES_PER_ELEMENT === 0;
  const values = aligned ? new View(buffer, start + from, count) : new View(buffer.slice(start + from, start + to));
  values.shape = shape;
  return values;
}
