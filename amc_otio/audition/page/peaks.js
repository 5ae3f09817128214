// Peaks and power of a sound at many scales, so that drawing costs as many steps as there are pixels.

const SMALLEST = 16;
const known = new WeakMap();

/**
 * The scales of a segment; computed once for each.
 *
 * @param {{channels: Float32Array[]}} segment
 * @returns {{size: number, low: Float32Array, high: Float32Array, power: Float32Array}[]} smallest blocks first: `size`
 *   samples each, the lowest and the highest sample of all channels, and the mean square
 */
export function scales(segment) {
  let made = known.get(segment);
  if (!made) {
    made = [smallest(segment.channels)];
    while (made.at(-1).low.length > 1024) made.push(halved(made.at(-1)));
    known.set(segment, made);
  }
  return made;
}

/**
 * Lowest, highest and mean square in columns of equal width.
 *
 * @param {{channels: Float32Array[]}} segment
 * @param {number} from index of the first column's first sample, may be outside the segment
 * @param {number} width samples a column, may be a fraction
 * @param {number} count columns
 * @returns {{low: Float32Array, high: Float32Array, power: Float32Array}} NaN where the segment holds nothing
 */
export function columns(segment, from, width, count) {
  const all = scales(segment);
  const scale = all.findLast((one) => one.size <= width) ?? all[0];
  const blocks = scale.low.length;
  const low = new Float32Array(count).fill(NaN);
  const high = new Float32Array(count).fill(NaN);
  const power = new Float32Array(count).fill(NaN);
  for (let i = 0; i < count; i++) {
    const first = Math.floor((from + i * width) / scale.size);
    const last = Math.max(first + 1, Math.floor((from + (i + 1) * width) / scale.size));
    const end = Math.min(last, blocks);
    let n = 0;
    let least = Infinity;
    let most = -Infinity;
    let sum = 0;
    for (let j = Math.max(0, first); j < end; j++, n++) {
      least = Math.min(least, scale.low[j]);
      most = Math.max(most, scale.high[j]);
      sum += scale.power[j];
    }
    if (n === 0) continue;
    low[i] = least;
    high[i] = most;
    power[i] = sum / n;
  }
  return { low, high, power };
}

function smallest(channels) {
  const samples = channels[0].length;
  const scale = empty(SMALLEST, Math.ceil(samples / SMALLEST));
  for (let block = 0; block < scale.low.length; block++) {
    const end = Math.min(samples, (block + 1) * SMALLEST);
    let least = Infinity;
    let most = -Infinity;
    let sum = 0;
    for (const channel of channels) {
      for (let i = block * SMALLEST; i < end; i++) {
        const sample = channel[i];
        if (sample < least) least = sample;
        if (sample > most) most = sample;
        sum += sample * sample;
      }
    }
    scale.low[block] = least;
    scale.high[block] = most;
    scale.power[block] = sum / (channels.length * (end - block * SMALLEST));
  }
  return scale;
}

function halved({ size, low, high, power }) {
  const scale = empty(2 * size, Math.ceil(low.length / 2));
  for (let i = 0; i < scale.low.length; i++) {
    const [a, b] = [2 * i, Math.min(2 * i + 1, low.length - 1)];
    scale.low[i] = Math.min(low[a], low[b]);
    scale.high[i] = Math.max(high[a], high[b]);
    scale.power[i] = (power[a] + power[b]) / 2;
  }
  return scale;
}

function empty(size, count) {
  return { size, low: new Float32Array(count), high: new Float32Array(count), power: new Float32Array(count) };
}
