// The spectrograms of the two sounds, below the waveforms: on their time axis, without a ruler of its own.

import { axis, followed, hairline, lanes, write } from "./drawing.js";
import { heardGains } from "./fades.js";
import { RATE } from "./rational.js";
import { pictured, shades } from "./shades.js";

const HOP = 1024;
const HIGHEST = 24000;
const LABELLED = [
  [500, "500"],
  [2000, "2k"],
  [8000, "8k"],
];
/** How much is seen of what is not heard. */
const DIM = 0.3;

/**
 * Spectrograms that are drawn once and then followed by the playhead: as `makeWaveform`.
 *
 * @param {HTMLCanvasElement} canvas laid out by CSS
 */
export function makeSpectrogram(canvas) {
  return followed(canvas, paintSpectrogram, false);
}

/**
 * Draw everything in one go.
 *
 * @param {HTMLCanvasElement} canvas laid out by CSS
 * @param {object} scene as for `drawWaveform`; segments have `mel: {data: Uint8Array, shape: [number, number]}`, 128
 *   bands, lowest first, a column every 1024 samples and centred on them
 */
export function drawSpectrogram(canvas, scene) {
  const picture = makeSpectrogram(canvas);
  picture.setData(scene);
  picture.draw(scene.position, scene.hover);
}

function paintSpectrogram(on, scene) {
  const { meeting, colours } = scene;
  const { context, width, height } = on;
  const time = axis(scene.from, scene.to, width);
  const lane = lanes(height, 0);
  const fade = [-meeting.fade_before / RATE, meeting.fade_after / RATE];
  const heard = { out: [scene.from, fade[1]], in: [fade[0], scene.to] };
  const gains = heardGains(meeting);
  const sides = [
    ["out", meeting.out_at],
    ["in", meeting.in_at],
  ];
  for (const [key, at] of sides) {
    const { top, height: tall } = lane[key];
    const segment = scene[key];
    if (segment?.mel) {
      const [rows, columns] = segment.mel.shape;
      const secondsOf = (column) => (segment.first + HOP * column - at) / RATE;
      const left = time.x(secondsOf(-0.5));
      const wide = time.x(secondsOf(columns - 0.5)) - left;
      const scale = shades(colours.surface, colours[key]);
      const [from, to] = heard[key];
      // At the edge of what is heard the gain is that of its inner side.
      const inside = (t) => Math.min(Math.max(t, from + 1 / RATE), to - 1 / RATE);
      const gain = (column) => Math.min(1, gains[key](inside(secondsOf(column)) * RATE));
      context.save();
      context.globalAlpha = DIM;
      place(context, pictured(segment.mel.data, rows, columns, scale), left, top, wide, tall, [0, width]);
      context.globalAlpha = 1;
      const bright = pictured(segment.mel.data, rows, columns, scale, gain);
      place(context, bright, left, top, wide, tall, [time.x(from), time.x(to)]);
      context.restore();
    }
    frequencies(on, top, tall, colours);
    const name = scene.names?.[key];
    if (!name) continue;
    plate(context, name, 40, top + 10, colours.surface);
    write(context, name, 40, top + 10, colours.text);
  }
  hairline(on, colours.line, 0, lane.in.top - 1, width, lane.in.top - 1);
  hairline(on, colours.join, time.x(0), 0, time.x(0), height, 1);
}

function place(context, picture, left, top, width, height, [from, to]) {
  if (to <= from) return;
  context.save();
  context.beginPath();
  context.rect(from, top, to - from, height);
  context.clip();
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, width, height);
  context.restore();
}

function frequencies(on, top, height, { muted, text, surface }) {
  const { context } = on;
  for (const [hertz, label] of LABELLED) {
    // 128 triangles between 0 Hz and the highest, equally far apart in mel: the first is centred one step above 0.
    const band = (129 * mel(hertz)) / mel(HIGHEST) - 1;
    const y = top + height * (1 - (band + 0.5) / 128);
    hairline(on, muted, 0, y, 5, y);
    plate(context, label, 8, y, surface);
    write(context, label, 8, y, text);
  }
}

// So that words can be read whatever the sound is.
function plate(context, label, x, y, colour) {
  context.globalAlpha = 0.72;
  context.fillStyle = colour;
  context.fillRect(x - 3, y - 7, context.measureText(label).width + 6, 14);
  context.globalAlpha = 1;
}

// Slaney's mel scale, as amc_otio/representations/spectral.py has it.
function mel(hertz) {
  return hertz < 1000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4);
}
