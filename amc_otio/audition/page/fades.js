// Fade gains and where a fade of a wanted length fits: amc_otio/joining/fades.py, in the browser.

import { rounded } from "./rational.js";

/**
 * Gains of a fade, at sample centres.
 *
 * @param {number} n samples
 * @param {string} [law] `"equal-power"` (squares sum to one) or `"equal-gain"` (the gains themselves do)
 * @returns {[Float64Array, Float64Array]} of the outgoing and of the incoming sound
 */
export function gains(n, law = "equal-power") {
  const out = new Float64Array(n);
  const coming = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const x = (i + 0.5) / n;
    out[i] = 1 - x;
    coming[i] = x;
  }
  if (law !== "equal-gain") {
    for (let i = 0; i < n; i++) {
      out[i] = Math.sqrt(out[i]);
      coming[i] = Math.sqrt(coming[i]);
    }
  }
  return [out, coming];
}

/**
 * Gain of the incoming sound from the fade's start on: held over the fade, then gliding to 1, straight in decibels.
 *
 * @param {{fade_before: number, fade_after: number, gain_db: number, glide: number}} meeting samples and dB
 * @param {number} length samples
 * @returns {Float64Array} linear gains
 */
export function levelEnvelope(meeting, length) {
  const fade = meeting.fade_before + meeting.fade_after;
  const end = Math.min(fade + meeting.glide, length);
  const envelope = new Float64Array(length).fill(1);
  envelope.fill(10 ** (meeting.gain_db / 20), 0, Math.min(fade, length));
  for (let i = fade; i < end; i++) {
    envelope[i] = 10 ** ((meeting.gain_db * (1 - (i - fade + 0.5) / meeting.glide)) / 20);
  }
  return envelope;
}

/**
 * What both sounds of a join are heard with.
 *
 * @param {{fade_before: number, fade_after: number, law: string, gain_db: number, glide: number}} meeting
 *   in samples and dB
 * @returns {{out: function(number): number, in: function(number): number}} linear gains at so many samples from the
 *   point
 */
export function heardGains(meeting) {
  const { fade_before: before, fade_after: after, law, glide } = meeting;
  const fade = before + after;
  const [out, coming] = gains(fade, law);
  const turned = levelEnvelope(meeting, fade + glide);
  const at = (curve, t, first, last) => {
    const i = Math.floor(t + before);
    return i < 0 ? first : (curve[i] ?? last);
  };
  return {
    out: (t) => at(out, t, 1, 0),
    in: (t) => at(coming, t, 0, 1) * at(turned, t, 1, 1),
  };
}

/**
 * Longest fade that the handles allow.
 *
 * @param {{outgoing_before: number, outgoing_after: number, incoming_before: number, incoming_after: number}} room samples
 * @returns {{before: number, after: number}} samples before and after the point
 */
export function longest(room) {
  return {
    before: Math.max(0, Math.min(room.outgoing_before, room.incoming_before)),
    after: Math.max(0, Math.min(room.outgoing_after, room.incoming_after)),
  };
}

/**
 * Centre a fade on the point, as far as window and handles allow; where one side has no room the other takes what is
 * missing.
 *
 * @param {number} wanted samples, may be Infinity
 * @param {number} most the longest length allowed, samples
 * @param {object} room as for `longest`
 * @returns {{before: number, after: number, clampedBy: string[]}} samples, and in words what kept it shorter or off centre
 */
export function place(wanted, most, room) {
  const clampedBy = [];
  const length = wanted <= most ? rounded(wanted) : most;
  if (wanted > most) clampedBy.push("window");
  const side = longest(room);
  const [limitBefore, limitAfter] = limits(room);
  let before = Math.floor(length / 2);
  let after = length - before;
  if (before > side.before) {
    clampedBy.push(limitBefore);
    before = side.before;
    after = length - before;
  }
  if (after > side.after) {
    clampedBy.push(limitAfter);
    after = side.after;
    before = Math.min(length - after, side.before);
    if (before + after < length && !clampedBy.includes(limitBefore)) clampedBy.push(limitBefore);
  }
  return { before, after, clampedBy };
}

function limits(room) {
  return [
    room.incoming_before <= room.outgoing_before ? "head handle" : "outgoing clip's length",
    room.outgoing_after <= room.incoming_after ? "tail handle" : "incoming clip's length",
  ];
}
