// Exact fractions, and numbers rounded and written as the Python side does it: both must agree to the sample.

/** Samples a second of every sound on the page. */
export const RATE = 48000;

/**
 * Read an exact fraction.
 *
 * @param {string | number} text `"24000/1001"`, `"25"`, or a whole number
 * @returns {{n: bigint, d: bigint}} numerator and (positive) denominator, not reduced
 * @throws {RangeError} when it is none
 */
export function fraction(text) {
  const found = /^\s*([+-]?\d+)(?:\/(\d+))?\s*$/.exec(String(text));
  const d = found ? BigInt(found[2] ?? 1) : 0n;
  if (d === 0n) throw new RangeError(`not a fraction: ${text}`);
  return { n: BigInt(found[1]), d };
}

/**
 * Round a fraction times whole numbers to a whole number; halves go to the even one.
 *
 * @param {bigint} n numerator
 * @param {bigint} d denominator, positive
 * @returns {number}
 */
export function roundedRatio(n, d) {
  const twice = 2n * n + d;
  let whole = twice / (2n * d);
  if (twice < 0n && twice % (2n * d) !== 0n) whole -= 1n;
  const half = twice % (2n * d) === 0n;
  return Number(half && whole % 2n !== 0n ? whole - 1n : whole);
}

/**
 * Round a number; halves go to the even one.
 *
 * @param {number} x
 * @returns {number}
 */
export function rounded(x) {
  const whole = Math.floor(x);
  const rest = x - whole;
  if (rest !== 0.5) return rest < 0.5 ? whole : whole + 1;
  return whole % 2 === 0 ? whole : whole + 1;
}

/**
 * Samples in a number of frames, rounded.
 *
 * @param {number} frames a whole number, may be negative
 * @param {string} rate frames a second, exact: `"24000/1001"`
 * @returns {number} samples at 48 kHz
 */
export function samplesOfFrames(frames, rate) {
  const { n, d } = fraction(rate);
  return roundedRatio(BigInt(frames) * d * BigInt(RATE), n);
}

/**
 * Samples in a length, rounded.
 *
 * @param {string} seconds an exact fraction: `"14400/48000"`
 * @returns {number} samples at 48 kHz
 */
export function samplesOfSeconds(seconds) {
  const { n, d } = fraction(seconds);
  return roundedRatio(n * BigInt(RATE), d);
}

/**
 * Write seconds with three decimals; an exact half goes to the even digit, which `toFixed` does not do.
 *
 * @param {number} seconds not negative
 * @returns {string}
 */
export function threeDecimals(seconds) {
  // x * 1000 ends in exactly .5 only where x is an odd number of sixteenths.
  const sixteenths = seconds * 16;
  return sixteenths % 2 === 1 ? (rounded(seconds * 1000) / 1000).toFixed(3) : seconds.toFixed(3);
}
