// How alike the two sounds are at every pair of moments (the paper's section 2.4 and Figure 3): where Max-SS would
// meet, and where they do meet. A nudge moves both moments alike: along the diagonal through the join.

import { fitted, hairline, tick, write } from "./drawing.js";
import { RATE } from "./rational.js";
import { pictured, shades } from "./shades.js";

const MARGIN = { left: 38, top: 22, right: 10, bottom: 34 };

/**
 * Draw a similarity matrix, the outgoing window's time upwards and the match's to the right.
 *
 * @param {HTMLCanvasElement} canvas laid out by CSS; the matrix takes the largest square in it
 * @param {{data: Uint8Array, shape: [number, number], outFirst: number, inFirst: number, hop: number,
 *   best: ?[number, number], meeting: object, colours: Colours}} what `data` row-major, a row for each step of the
 *   outgoing window; `outFirst` and `inFirst` the windows' first samples on the files' clocks and `hop` the samples
 *   between steps; `best` row and column of the highest value
 */
export function drawMatrix(canvas, what) {
  const { data, shape, hop, best, colours } = what;
  const on = fitted(canvas);
  const { context, width, height } = on;
  context.clearRect(0, 0, width, height);
  const side = Math.floor(Math.min(width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom));
  if (side < 24) return;
  const left = MARGIN.left + Math.floor((width - MARGIN.left - MARGIN.right - side) / 2);
  const bottom = MARGIN.top + side;
  const [rows, columns] = shape;
  // A value is drawn around its moment: steps run from half a step before the first to half a step after the last.
  const x = (step) => left + ((step + 0.5) / columns) * side;
  const y = (step) => bottom - ((step + 0.5) / rows) * side;

  context.imageSmoothingEnabled = false;
  const picture = pictured(data, rows, columns, shades(colours.surface, colours.muted));
  context.drawImage(picture, left, MARGIN.top, side, side);
  frame(on, left, MARGIN.top, side, colours.line);
  seconds(on, { hop, columns, rows, x, y, left, bottom, side, colours });

  const { row, column } = joinIn(what);
  context.save();
  context.beginPath();
  context.rect(left, MARGIN.top, side, side);
  context.clip();
  const far = rows + columns;
  stroke(context, colours.join, 0.55, [], [x(column - far), y(row - far)], [x(column + far), y(row + far)]);
  stroke(context, colours.join, 0.9, [2, 3], [left, y(row)], [x(column), y(row)]);
  stroke(context, colours.join, 0.9, [2, 3], [x(column), bottom], [x(column), y(row)]);
  context.restore();
  if (best) ring(context, x(best[1]), y(best[0]), colours);
  const within = (value, low, high) => Math.min(Math.max(value, low), high);
  dot(context, within(x(column), left, left + side), within(y(row), MARGIN.top, bottom), colours);
  legend(context, left, best !== null, colours);
}

/**
 * The drawing in a sentence.
 *
 * @param {object} what as for `drawMatrix`
 * @returns {string}
 */
export function describeMatrix(what) {
  const { hop, best } = what;
  const time = (step) => ((step * hop) / RATE).toFixed(2);
  const at = (row, column) => `${time(row)} s into the outgoing window and ${time(column)} s into the match`;
  const { row, column } = joinIn(what);
  const highest = best ? `The two windows are most alike ${at(...best)}; ` : "The two windows are nowhere alike; ";
  return `${highest}the join is ${at(row, column)}.`.replaceAll(" -", " −");
}

// The join in steps of the matrix, fractions of a step included; outside it where it was nudged out.
function joinIn({ meeting, outFirst, inFirst, hop }) {
  return { row: (meeting.out_at - outFirst) / hop, column: (meeting.in_at - inFirst) / hop };
}

function seconds(on, { hop, columns, rows, x, y, left, bottom, side, colours }) {
  const { context } = on;
  const length = (columns * hop) / RATE;
  const step = tick(length, side, 40);
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  for (let i = 0; i * step <= length; i++) {
    const at = (i * step * RATE) / hop;
    const label = i === 0 ? "0" : (i * step).toFixed(digits);
    if (at <= columns - 0.5) {
      hairline(on, colours.muted, x(at), bottom, x(at), bottom + 4);
      write(context, label, x(at), bottom + 11, colours.muted, "center");
    }
    if (at <= rows - 0.5) {
      hairline(on, colours.muted, left - 4, y(at), left, y(at));
      write(context, label, left - 7, y(at), colours.muted, "right");
    }
  }
  write(context, "incoming, s", left + side / 2, bottom + 26, colours.in, "center");
  context.save();
  context.translate(left - 32, bottom - side / 2);
  context.rotate(-Math.PI / 2);
  write(context, "outgoing, s", 0, 0, colours.out, "center");
  context.restore();
}

function frame(on, left, top, side, colour) {
  for (const edge of [0, side]) {
    hairline(on, colour, left, top + edge, left + side, top + edge);
    hairline(on, colour, left + edge, top, left + edge, top + side);
  }
}

function legend(context, left, hasBest, colours) {
  let x = left + 4;
  dot(context, x, 10, colours);
  write(context, "join", x + 9, 10.5, colours.text);
  x += 9 + context.measureText("join").width + 18;
  if (!hasBest) return;
  ring(context, x, 10, colours);
  write(context, "Max-SS", x + 11, 10.5, colours.text);
}

function ring(context, x, y, { text, surface }) {
  context.setLineDash([]);
  for (const [colour, width] of [
    [surface, 4],
    [text, 1.5],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, 6, 0, 2 * Math.PI);
    context.stroke();
  }
}

function dot(context, x, y, { join, surface }) {
  for (const [colour, radius] of [
    [surface, 4.5],
    [join, 3.5],
  ]) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

function stroke(context, colour, alpha, dash, from, to) {
  context.strokeStyle = colour;
  context.globalAlpha = alpha;
  context.lineWidth = 1;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}
