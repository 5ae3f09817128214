// The editor's changes at a join: amc_otio/proposals/decided.py, in the browser. What cannot be carried out is refused
// in the words that writing the timeline would refuse it in; nothing is clamped.

import { longest, place } from "./fades.js";
import { RATE, fraction, samplesOfFrames, samplesOfSeconds, threeDecimals } from "./rational.js";

const LONGEST_FADE = 10 * RATE;
const MOST_FRAMES = 10000;

/**
 * A join as it was decided: first the nudge, then the fade's length, then its law.
 *
 * @param {object} meeting of the decision's method, as proposed; lengths and positions in samples at 48 kHz
 * @param {{nudge_frames?: number, fade_length?: ?string, fade_law?: ?string}} decision `fade_length` in seconds, exact
 * @param {string} rate frames a second of the timeline, exact
 * @returns {{meeting: object} | {refusal: {reason: string, remedy: string}}} a new meeting, or why there is none
 */
export function adjusted(meeting, decision, rate) {
  try {
    let made = meeting;
    if (decision.nudge_frames) made = nudged(made, decision.nudge_frames, rate);
    if (decision.fade_length != null) made = faded(made, decision.fade_length);
    if (decision.fade_law != null) made = withLaw(made, decision.fade_law);
    checkFits(made);
    return { meeting: made };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: { reason: error.message, remedy: error.remedy } };
    throw error;
  }
}

/**
 * How far a join can be changed: what the controls offer.
 *
 * @param {object} meeting samples at 48 kHz
 * @param {string} rate frames a second of the timeline, exact
 * @returns {{nudge: [number, number], longestFade: number}} frames from where it is, with the fade that it has; and the
 *   longest fade where it is, in samples
 */
export function limits(meeting, rate) {
  const { before, after } = longest(meeting.room);
  const earlier = before - meeting.fade_before;
  const later = Math.min(after - meeting.fade_after, meeting.length === null ? Infinity : meeting.length - 1);
  const least = framesWithin(earlier, rate);
  return {
    nudge: [least && -least, framesWithin(later, rate)],
    longestFade: Math.min(before + after, LONGEST_FADE),
  };
}

// Whole frames in so many samples, where a frame that ends between two samples is rounded as a nudge is.
function framesWithin(samples, rate) {
  if (samples <= 0) return 0;
  const { n, d } = fraction(rate);
  let frames = samples === Infinity ? MOST_FRAMES : Number((BigInt(samples) * n) / (d * BigInt(RATE))) + 1;
  while (samplesOfFrames(frames, rate) > samples) frames--;
  return Math.min(frames, MOST_FRAMES);
}

class Refusal extends Error {
  constructor(reason, remedy) {
    super(reason);
    this.remedy = remedy;
  }
}

// The cut rolls: both sounds stay where they are against each other, and the shot ends where it did.
function nudged(meeting, frames, rate) {
  const samples = samplesOfFrames(frames, rate);
  const held = meeting.room;
  const room = {
    outgoing_before: held.outgoing_before + samples,
    outgoing_after: held.outgoing_after - samples,
    incoming_before: held.incoming_before + samples,
    incoming_after: held.incoming_after - samples,
  };
  const lacks = [
    ["the outgoing clip is shorter", room.outgoing_before],
    ["the outgoing clip's tail handle is shorter", room.outgoing_after],
    ["the incoming sound's head handle is shorter", room.incoming_before],
    ["the incoming clip is shorter", room.incoming_after],
  ];
  for (const [why, left] of lacks) {
    const signed = frames > 0 ? `+${frames}` : `${frames}`;
    if (left < 0) throw new Refusal(`a nudge of ${signed} frames cannot be cut: ${why}`, "nudge less");
  }
  const length = meeting.length === null ? null : meeting.length - samples;
  if (length !== null && length <= 0) {
    throw new Refusal("nothing of the shot would be left by such a nudge", "nudge less");
  }
  return {
    ...meeting,
    out_at: meeting.out_at + samples,
    in_at: meeting.in_at + samples,
    glide: glideWithin(meeting, room, meeting.fade_after),
    room,
    length,
  };
}

function faded(meeting, seconds) {
  const wanted = samplesOfSeconds(seconds);
  const fade = place(wanted, wanted, meeting.room);
  if (fade.before + fade.after < wanted) {
    const { n, d } = fraction(seconds);
    const limit = fade.clampedBy.join(" and the ");
    const most = threeDecimals((fade.before + fade.after) / RATE);
    const asked = threeDecimals(Number(n) / Number(d));
    throw new Refusal(`a fade of ${asked} s does not fit: the ${limit} leaves ${most} s`, "give a shorter one");
  }
  return {
    ...meeting,
    fade_before: fade.before,
    fade_after: fade.after,
    glide: glideWithin(meeting, meeting.room, fade.after),
  };
}

function glideWithin(meeting, room, fadeAfter) {
  return Math.min(meeting.glide, Math.max(0, room.incoming_after - fadeAfter - Math.max(0, meeting.slip)));
}

function withLaw(meeting, law) {
  if (meeting.slip && law !== "equal-gain") {
    throw new Refusal(
      `its two sounds run together as one waveform where they are bounced, which ${law} would swell`,
      "leave the fade law, or take equal-gain",
    );
  }
  return { ...meeting, law };
}

function checkFits(meeting) {
  const { before, after } = longest(meeting.room);
  if (meeting.fade_before <= before && meeting.fade_after <= after) return;
  const length = threeDecimals((meeting.fade_before + meeting.fade_after) / RATE);
  throw new Refusal(`its fade of ${length} s has no room there any more`, "nudge less, or give a shorter fade");
}
