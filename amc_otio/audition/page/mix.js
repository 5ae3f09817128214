// What the players play: a plain cut, a fixed crossfade and ours, over the same stretch of the timeline.
//
// Loudness. Of two takes the louder one is taken for the better one, so the three are played equally loud: equal mean
// square over all that is heard, the louder ones turned down to the quietest. Over all of it, because they are the same
// sounds everywhere but around the join: gains found from the join alone would differ by decibels, and switching players
// away from the join would step in level where nothing differs. Nothing is ever played louder than it is.

import { gains, levelEnvelope, place } from "./fades.js";
import { RATE } from "./rational.js";

/** Samples heard before the join, and after it. */
export const HEARD = 2.5 * RATE;

/** A sound and the gain, linear, that it is played with. @typedef {{channels: Float32Array[], gain: number}} AudioData */
/** Sound of a file from its sample `first` on. @typedef {{first: number, channels: Float32Array[]}} Segment */

/**
 * What is heard of a join.
 *
 * @param {object} meeting samples at 48 kHz
 * @param {number} [outFrom] first sample of the outgoing file that its shot plays
 * @returns {{from: number, hold: number}} first sample heard, on the outgoing file's clock, and samples after the point
 */
export function heard(meeting, outFrom = -Infinity) {
  return {
    from: Math.max(meeting.out_at - HEARD, outFrom),
    hold: Math.min(HEARD, meeting.length ?? Infinity),
  };
}

/**
 * The three players of a join, equally loud and equally long.
 *
 * @param {Segment} outSegment
 * @param {Segment} inSegment outside what a segment holds there is silence
 * @param {object} meeting as the editor has it; samples at 48 kHz
 * @param {{from?: number, hold?: number, fixedFade: number}} stretch `from` and `hold` as `heard` gives them (the default;
 *   a fade is heard whole in any case), and samples of the fixed crossfade
 * @returns {{A: AudioData, B: AudioData, C: AudioData, pointAt: number, start: number, length: number}} `pointAt` and
 *   `length` in samples from the start, `start` on the outgoing file's clock
 */
export function mix(outSegment, inSegment, meeting, { from, hold, fixedFade }) {
  const fixed = place(fixedFade, fixedFade, meeting.room);
  const fade = { fade_before: fixed.before, fade_after: fixed.after, law: "equal-power", gain_db: 0, glide: 0 };
  const whole = heard(meeting);
  const { out_at: outAt, in_at: inAt } = meeting;
  const start = Math.min(from ?? whole.from, outAt - Math.max(fade.fade_before, meeting.fade_before));
  const after = Math.max(hold ?? whole.hold, fade.fade_after, meeting.fade_after);
  const pointAt = outAt - start;
  const cut = joined(outSegment, inSegment, outAt, inAt, start, after);
  const blends = [fade, meeting].map((how) => {
    const at = pointAt - how.fade_before;
    return { at, channels: blended(outSegment, inSegment, outAt, inAt, how, after) };
  });
  const [A, B, C] = equallyLoud(cut, blends);
  return { A, B, C, pointAt, start, length: pointAt + after };
}

/**
 * The present cut.
 *
 * @param {Segment} outSegment
 * @param {?Segment} inSegment null where its sound is not at hand: silence follows
 * @param {number} outAt the outgoing sound is left before this sample of its file
 * @param {number} inAt the incoming one is entered at this one of its
 * @param {number} [from] first sample heard, on the outgoing file's clock
 * @param {number} [hold] samples heard after the cut
 * @returns {{A: AudioData, pointAt: number, start: number, length: number}} as `mix`
 */
export function plain(outSegment, inSegment, outAt, inAt, from = outAt - HEARD, hold = HEARD) {
  const silence = { first: 0, channels: outSegment.channels.map(() => new Float32Array(0)) };
  const channels = joined(outSegment, inSegment ?? silence, outAt, inAt, from, hold);
  return { A: { channels, gain: 1 }, pointAt: outAt - from, start: from, length: outAt - from + hold };
}

// As many channels as the wider one has; mono goes to all of them at unchanged level.
function eachChannel(outSegment, inSegment, make) {
  const count = Math.max(outSegment.channels.length, inSegment.channels.length);
  return Array.from({ length: count }, (_, channel) => make(channel));
}

// The outgoing sound from `start` to its point, the incoming one after its own: every sample is its source's.
function joined(outSegment, inSegment, outAt, inAt, start, hold) {
  return eachChannel(outSegment, inSegment, (channel) => {
    const made = new Float32Array(outAt - start + hold);
    copy(outSegment, channel, start, made.subarray(0, outAt - start));
    copy(inSegment, channel, inAt, made.subarray(outAt - start));
    return made;
  });
}

// From the fade's start on what differs from the plain cut: the fade, and the glide that is heard.
function blended(outSegment, inSegment, outAt, inAt, how, hold) {
  const { fade_before: before, fade_after: after, law, gain_db: gain, glide } = how;
  const fade = before + after;
  const length = gain ? Math.min(fade + glide, before + hold) : fade;
  const [fadeOut, fadeIn] = gains(fade, law);
  const level = gain ? levelEnvelope(how, length) : null;
  const going = new Float32Array(fade);
  return eachChannel(outSegment, inSegment, (channel) => {
    const made = new Float32Array(length);
    copy(outSegment, channel, outAt - before, going);
    copy(inSegment, channel, inAt - before, made);
    if (level) for (let i = 0; i < length; i++) made[i] *= level[i];
    for (let i = 0; i < fade; i++) made[i] = going[i] * fadeOut[i] + made[i] * fadeIn[i];
    return made;
  });
}

// Samples of a file from `from` on into silence, as many as there is room for and the segment holds.
function copy({ first, channels }, channel, from, into) {
  const samples = channels[Math.min(channel, channels.length - 1)];
  const to = from + into.length;
  const within = samples.subarray(Math.max(0, from - first), Math.max(0, to - first));
  if (within.length) into.set(within, Math.max(0, first - from));
}

// The cut, and the cut with each blend in its place, at one loudness. What is the same in all of them is measured once.
function equallyLoud(cut, blends) {
  const ends = ({ at, channels }) => [at, at + channels[0].length];
  const marks = [0, cut[0].length, ...blends.flatMap(ends)].sort((one, other) => one - other);
  const pieces = marks.slice(1).map((to, i) => ({ from: marks[i], to, energy: energy(cut, marks[i], to) }));
  const outside = (from, to) => sum(pieces.filter((piece) => piece.to <= from || piece.from >= to));
  const power = [sum(pieces)];
  const sounds = [cut];
  for (const blend of blends) {
    const [from, to] = ends(blend);
    power.push(outside(from, to) + energy(blend.channels, 0, to - from));
    sounds.push(
      cut.map((samples, channel) => {
        const made = samples.slice();
        made.set(blend.channels[channel], from);
        return made;
      }),
    );
  }
  const quietest = Math.min(...power);
  return sounds.map((channels, i) => ({ channels, gain: quietest > 0 ? Math.sqrt(quietest / power[i]) : 1 }));
}

function sum(pieces) {
  return pieces.reduce((total, piece) => total + piece.energy, 0);
}

function energy(channels, from, to) {
  let total = 0;
  for (const samples of channels) for (let i = from; i < to; i++) total += samples[i] * samples[i];
  return total;
}
