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
  const cut = { ...meeting, fade_before: 0, fade_after: 0, gain_db: 0, glide: 0 };
  const fixed = place(fixedFade, fixedFade, meeting.room);
  const fade = { ...cut, fade_before: fixed.before, fade_after: fixed.after, law: "equal-power" };
  const whole = heard(meeting);
  const start = Math.min(from ?? whole.from, meeting.out_at - Math.max(fade.fade_before, meeting.fade_before));
  const after = Math.max(hold ?? whole.hold, fade.fade_after, meeting.fade_after);
  const [A, B, C] = equallyLoud([cut, fade, meeting].map((how) => joined(outSegment, inSegment, how, start, after)));
  const pointAt = meeting.out_at - start;
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
  const cut = { out_at: outAt, in_at: inAt, fade_before: 0, fade_after: 0, law: "equal-gain", gain_db: 0, glide: 0 };
  const silence = { first: 0, channels: outSegment.channels.map(() => new Float32Array(0)) };
  const channels = joined(outSegment, inSegment ?? silence, cut, from, hold);
  return { A: { channels, gain: 1 }, pointAt: outAt - from, start: from, length: outAt - from + hold };
}

/**
 * Join two sounds: the outgoing one up to the fade, the blend, the incoming one after it. Outside the fade and the glide
 * every sample equals its source's.
 *
 * @param {Float32Array} outgoing
 * @param {Float32Array} incoming
 * @param {number} outAt the point, as an index of `outgoing`
 * @param {number} inAt and of `incoming`
 * @param {object} how `fade_before`, `fade_after`, `glide` in samples, `law`, `gain_db`
 * @returns {Float32Array} `outAt + incoming.length - inAt` samples
 * @throws {RangeError} when the fade reaches outside the sound
 */
export function blend(outgoing, incoming, outAt, inAt, how) {
  const { fade_before: before, fade_after: after } = how;
  if (before > outAt || outAt + after > outgoing.length || before > inAt || inAt + after > incoming.length) {
    throw new RangeError("the fade reaches outside the sound that was given");
  }
  const fade = before + after;
  const start = outAt - before;
  const coming = incoming.slice(inAt - before);
  if (how.gain_db) {
    const envelope = levelEnvelope(how, Math.min(fade + how.glide, coming.length));
    for (let i = 0; i < envelope.length; i++) coming[i] *= envelope[i];
  }
  const made = new Float32Array(start + coming.length);
  made.set(outgoing.subarray(0, start));
  made.set(coming, start);
  const [fadeOut, fadeIn] = gains(fade, how.law);
  for (let i = 0; i < fade; i++) made[start + i] = outgoing[start + i] * fadeOut[i] + coming[i] * fadeIn[i];
  return made;
}

// As many channels as the wider one has; mono goes to all of them at unchanged level.
function joined(outSegment, inSegment, how, start, hold) {
  const { out_at: outAt, in_at: inAt, fade_before: before, fade_after: after } = how;
  const count = Math.max(outSegment.channels.length, inSegment.channels.length);
  return Array.from({ length: count }, (_, channel) => {
    const outgoing = stretch(outSegment, channel, start, outAt + after);
    const incoming = stretch(inSegment, channel, inAt - before, inAt + hold);
    return blend(outgoing, incoming, outAt - start, before, how);
  });
}

// Samples `from` to `to` of a file, silent outside the segment.
function stretch({ first, channels }, channel, from, to) {
  const samples = channels[Math.min(channel, channels.length - 1)];
  const within = samples.subarray(Math.max(0, from - first), Math.max(0, to - first));
  if (within.length === to - from) return within;
  const made = new Float32Array(to - from);
  made.set(within, Math.max(0, first - from));
  return made;
}

function equallyLoud(sounds) {
  const power = sounds.map(meanSquare);
  const quietest = Math.min(...power);
  return sounds.map((channels, i) => ({ channels, gain: quietest > 0 ? Math.sqrt(quietest / power[i]) : 1 }));
}

function meanSquare(channels) {
  let sum = 0;
  for (const samples of channels) for (let i = 0; i < samples.length; i++) sum += samples[i] * samples[i];
  return sum / (channels.length * channels[0].length || 1);
}
