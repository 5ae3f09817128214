// The two sounds around the join on one time axis: the outgoing one above, the incoming one below. What is heard is
// bright and drawn with the gain that it is heard with; the rest of both sounds is dim.

import { axis, followed, hairline, lanes, ruler, signed, span, write } from "./drawing.js";
import { gains, heardGains } from "./fades.js";
import { columns } from "./peaks.js";
import { RATE } from "./rational.js";

/** How much of a lane the loudest sample that is heard fills, and the most that is magnified for it (30 dB). */
const FILLED = 0.92;
const MOST_ZOOM = 10 ** (30 / 20);

/**
 * A waveform that is drawn once and then followed by the playhead.
 *
 * @param {HTMLCanvasElement} canvas laid out by CSS
 * @returns {{setData: function(object): void, draw: function(?number=, ?number=): void, secondsAt: function(number):
 *   number}} `setData` takes a scene; `draw` the playhead's and the pointer's place in seconds from the join, null for
 *   none; `secondsAt` gives the seconds at CSS pixels from the left edge
 */
export function makeWaveform(canvas) {
  return followed(canvas, paintWaveform);
}

/**
 * What is drawn: segments as the source gives them; `from`, `to`, `position` (the playhead) and `hover` (the pointer) in
 * seconds from the join; `label` names the join on the ruler (its timecode), `names` the lanes.
 * @typedef {{out: Segment, in: ?Segment, meeting: object, from: number, to: number, colours: Colours, label?: string,
 *   names?: {out: string, in: string}, position?: ?number, hover?: ?number}} Scene
 */

/**
 * Draw everything in one go.
 *
 * @param {HTMLCanvasElement} canvas laid out by CSS
 * @param {Scene} scene
 */
export function drawWaveform(canvas, scene) {
  const wave = makeWaveform(canvas);
  wave.setData(scene);
  wave.draw(scene.position, scene.hover);
}

/**
 * The drawing in a sentence, for those who do not see it.
 *
 * @param {{meeting: object, from: number, to: number, out: Segment, in: ?Segment}} scene
 * @returns {string}
 */
export function describe({ meeting, from, to, out, in: coming }) {
  const { fade_before: before, fade_after: after, law, gain_db: gain, glide } = meeting;
  const fade = before + after;
  const heard = `Two waveforms from ${signed(from)} to ${signed(to)} s around the join`;
  const cut = "a plain cut";
  const early = `${span(before / RATE)} of it before the join`;
  const spread = `a fade of ${span(fade / RATE)}, ${early}, ${law.replace("-", " ")}`;
  const turned = gain
    ? `; the incoming sound is turned ${gain > 0 ? "up" : "down"} by ${Math.abs(gain).toFixed(1)} dB` +
      (glide ? `, returning within ${span(glide / RATE)}` : "")
    : "";
  const levels = [
    ["the outgoing sound", level(out, meeting.out_at - 0.15 * RATE, meeting.out_at)],
    ["the incoming one", coming && level(coming, meeting.in_at, meeting.in_at + 0.15 * RATE)],
  ].filter(([, db]) => db !== null && db !== undefined);
  const loud = levels.map(([name, db]) => `${name} is at ${db.toFixed(0)} dBFS`.replace("-", "−")).join(", ");
  return `${heard}: ${fade ? spread : cut}${turned}. In the 150 ms beside the join ${loud}.`;
}

// RMS in dB, 0 is full scale, -120 at least; null where the segment holds nothing.
function level(segment, from, to) {
  const { power } = columns(segment, from - segment.first, to - from, 1);
  return Number.isNaN(power[0]) ? null : 10 * Math.log10(Math.max(power[0], 1e-12));
}

function paintWaveform(on, scene) {
  const { meeting, colours } = scene;
  const { context, width, height, ratio } = on;
  const time = axis(scene.from, scene.to, width);
  const lane = lanes(height);
  const before = -meeting.fade_before / RATE;
  const after = meeting.fade_after / RATE;
  const count = context.canvas.width;
  const sounds = shapes(scene, count);
  const zoom = zoomFor(sounds);

  tint(context, colours.join, 0.07, time.x(before), lane.out.top, time.x(after) - time.x(before), height);
  const untouched = new Float32Array(count).fill(1);
  for (const { key, gains: heardWith, columns: shape } of sounds) {
    const { top, height: tall } = lane[key];
    const middle = top + tall / 2;
    hairline(on, colours.line, 0, middle, width, middle);
    const unit = { middle, scale: (zoom * tall) / 2, most: tall / 2, thin: 0.5 / ratio, step: 1 / ratio };
    context.fillStyle = colours[key];
    context.globalAlpha = 0.22;
    fillShape(context, shape, unit, untouched, false);
    context.globalAlpha = 0.5;
    fillShape(context, shape, unit, heardWith, false);
    context.globalAlpha = 1;
    fillShape(context, shape, unit, heardWith, true);
  }
  for (const [key, tall] of Object.entries(lane)) {
    if (scene.names?.[key]) write(context, scene.names[key], 8, tall.top + 10, colours[key]);
  }
  hairline(on, colours.line, 0, lane.in.top - 1, width, lane.in.top - 1);
  curves(on, time, lane, scene);
  hairline(on, colours.join, time.x(0), lane.out.top - 6, time.x(0), height, 1);
  ruler(on, time, { colours, fade: [before, after], label: scene.label });
  write(context, fullHeight(zoom), width - 8, lane.out.top + 10, colours.muted, "right");
}

// Of each sound there is, in so many columns: its extremes and power, and the gain that it is heard with.
function shapes({ out, in: coming, meeting, from, to }, count) {
  const width = ((to - from) * RATE) / count;
  const gain = heardGains(meeting);
  const shaped = (key, segment, at) => ({
    key,
    columns: columns(segment, at + from * RATE - segment.first, width, count),
    gains: Float32Array.from({ length: count }, (_, i) => gain[key](from * RATE + (i + 0.5) * width)),
  });
  const made = [shaped("out", out, meeting.out_at)];
  if (coming) made.push(shaped("in", coming, meeting.in_at));
  return made;
}

function fullHeight(zoom) {
  const db = -20 * Math.log10(zoom);
  return `full height ${signed(db, 1).replace("+", "")} dBFS`;
}

function zoomFor(sounds) {
  let peak = 0;
  for (const { columns: shape, gains: heardWith } of sounds) {
    heardWith.forEach((gain, i) => {
      peak = Math.max(peak, gain * shape.high[i] || 0, gain * -shape.low[i] || 0);
    });
  }
  return Math.min(FILLED / Math.max(peak, 1e-9), MOST_ZOOM);
}

// The area between the lowest and the highest samples, or within the RMS, a column of pixels at a time: as one outline
// it takes a browser several times as long.
function fillShape(context, { low, high, power }, { middle, scale, most, thin, step }, heardWith, inner) {
  for (let i = 0; i < low.length; i++) {
    const gain = heardWith[i] * scale;
    if (gain === 0 || Number.isNaN(low[i])) continue;
    const rms = inner ? Math.sqrt(power[i]) : Infinity;
    const up = Math.min(most, Math.min(rms, high[i]) * gain) + thin;
    const down = Math.max(-most, Math.max(-rms, low[i]) * gain) - thin;
    context.fillRect(i * step, middle - up, step, up - down);
  }
}

// The gains of the fade over each lane, from its top (1) to its bottom (0).
function curves({ context }, time, lane, { meeting, colours }) {
  const fade = meeting.fade_before + meeting.fade_after;
  if (fade === 0) return;
  const left = time.x(-meeting.fade_before / RATE);
  const right = time.x(meeting.fade_after / RATE);
  const points = Math.max(2, Math.ceil(right - left));
  const laws = gains(points, meeting.law);
  context.strokeStyle = colours.text;
  context.lineWidth = 1;
  context.globalAlpha = 0.75;
  for (const [i, { top, height }] of [lane.out, lane.in].entries()) {
    const y = (gain) => top + 1.5 + (height - 3) * (1 - gain);
    context.beginPath();
    context.moveTo(left, y(i === 0 ? 1 : 0));
    laws[i].forEach((gain, j) => context.lineTo(left + ((j + 0.5) * (right - left)) / points, y(gain)));
    context.lineTo(right, y(i === 0 ? 0 : 1));
    context.stroke();
  }
  context.globalAlpha = 1;
}

function tint(context, colour, alpha, x, y, width, height) {
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
  context.globalAlpha = 1;
}
