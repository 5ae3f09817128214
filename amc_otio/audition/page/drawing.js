// What all drawings share: crisp lines at any pixel ratio, one time axis around the join, one set of colours.

/**
 * Colours of the drawings, as CSS colours. `out` and `in` are the two sounds' hues.
 * @typedef {{surface: string, text: string, muted: string, line: string, out: string, in: string, join: string,
 *   playhead: string}} Colours
 */

/** Height of the ruler above the lanes, CSS pixels. */
export const RULER = 22;
const FONT = "11px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/**
 * Read the colours from CSS custom properties: `--draw-surface`, `--draw-text`, `--draw-muted`, `--draw-line`,
 * `--draw-out`, `--draw-in`, `--draw-join`, `--draw-playhead`.
 *
 * @param {Element} element
 * @returns {Colours}
 */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const names = ["surface", "text", "muted", "line", "out", "in", "join", "playhead"];
  const colour = (name) => style.getPropertyValue(`--draw-${name}`).trim() || "currentcolor";
  return Object.fromEntries(names.map((name) => [name, colour(name)]));
}

/**
 * Give a canvas as many pixels as it covers, and a context that draws in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas laid out by CSS
 * @returns {{context: CanvasRenderingContext2D, width: number, height: number, ratio: number}} sizes in CSS pixels
 */
export function fitted(canvas) {
  const ratio = globalThis.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  return scaled(canvas.getContext("2d"), ratio);
}

/**
 * The same on a layer that is not shown.
 *
 * @param {number} width CSS pixels
 * @param {number} height CSS pixels
 * @param {number} ratio device pixels to a CSS pixel
 * @returns {object} as `fitted`
 */
export function layer(width, height, ratio) {
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio)));
  return scaled(canvas.getContext("2d"), ratio);
}

function scaled(context, ratio) {
  const { width, height } = context.canvas;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = FONT;
  context.textBaseline = "middle";
  return { context, width: width / ratio, height: height / ratio, ratio };
}

/**
 * A time axis across a width.
 *
 * @param {number} from seconds from the join at the left edge
 * @param {number} to at the right edge
 * @param {number} width CSS pixels
 * @returns {{from: number, to: number, width: number, x: function(number): number, seconds: function(number): number}}
 *   `x` gives CSS pixels, `seconds` is its inverse
 */
export function axis(from, to, width) {
  const scale = width / (to - from);
  return { from, to, width, x: (seconds) => (seconds - from) * scale, seconds: (x) => from + x / scale };
}

/**
 * An upright or level line on whole device pixels, one of them wide.
 *
 * @param {object} on as `fitted` gives it
 * @param {string} colour
 * @param {number} x1 CSS pixels, as all that follow
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 * @param {number} [wide] for a line that must be seen at once
 */
export function hairline({ context, ratio }, colour, x1, y1, x2, y2, wide = 1 / ratio) {
  const snap = (v) => Math.floor(v * ratio) / ratio;
  context.fillStyle = colour;
  if (x1 === x2) context.fillRect(snap(x1), snap(y1), wide, y2 - y1);
  else context.fillRect(snap(x1), snap(y1), x2 - x1, wide);
}

/**
 * A number with its sign, the minus a true one: "−1.5", "0", "+0.5".
 *
 * @param {number} value
 * @param {number} [digits] after the point
 * @returns {string}
 */
export function signed(value, digits = 1) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return "0";
  return (value < 0 ? "−" : "+") + text;
}

/** A length in words. @param {number} seconds @returns {string} "120 ms", "1.25 s" */
export function span(seconds) {
  return seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(2)} s`;
}

/**
 * Distance between labelled ticks, seconds: 1, 2 or 5 times a power of ten, with room for the labels.
 *
 * @param {number} seconds on the whole axis
 * @param {number} width of the axis, CSS pixels
 * @param {number} [room] that a label needs, CSS pixels
 * @returns {number}
 */
export function tick(seconds, width, room = 56) {
  const least = (seconds / width) * room;
  const decade = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((step) => step * decade).find((step) => step >= least * 0.999);
}

/**
 * The ruler: seconds from the join, the fade's length, and the join's own label.
 *
 * @param {object} on as `fitted` gives it
 * @param {object} time as `axis` gives it
 * @param {{colours: Colours, fade: [number, number], label?: string}} what `fade` in seconds from the join
 */
export function ruler(on, time, { colours, fade, label }) {
  const { context } = on;
  const step = tick(time.to - time.from, time.width);
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const parts = 5;
  const text = label ?? "join";
  const half = context.measureText(text).width / 2 + 6;
  const middle = Math.min(Math.max(time.x(0), half), time.width - half);
  for (let i = Math.ceil((time.from / step) * parts); i <= (time.to / step) * parts; i++) {
    const x = time.x((i * step) / parts);
    const labelled = i % parts === 0;
    hairline(on, labelled ? colours.muted : colours.line, x, RULER - (labelled ? 6 : 3), x, RULER);
    const words = signed((i * step) / parts, digits);
    const side = context.measureText(words).width / 2;
    const clear = x - side > 2 && x + side < time.width - 2 && Math.abs(x - middle) > half + side + 4;
    if (labelled && clear) write(context, words, x, 8, colours.muted, "center");
  }
  hairline(on, colours.line, 0, RULER, time.width, RULER);
  const [before, after] = fade.map(time.x);
  context.fillStyle = colours.join;
  if (after > before) context.fillRect(before, RULER - 2, after - before, 2);
  context.beginPath();
  context.roundRect(middle - half, 0.5, 2 * half, 15, 3);
  context.fill();
  write(context, text, middle, 8.5, colours.surface, "center");
}

/** Write a line of text. */
export function write(context, text, x, y, colour, align = "left") {
  context.textAlign = align;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/**
 * The two lanes.
 *
 * @param {number} height of the canvas, CSS pixels
 * @param {number} [top] where they begin: below the ruler
 * @returns {{out: {top: number, height: number}, in: {top: number, height: number}}}
 */
export function lanes(height, top = RULER + 1) {
  const each = Math.max(1, Math.floor((height - top - 1) / 2));
  return { out: { top, height: each }, in: { top: top + each + 1, height: each } };
}

/**
 * A drawing on the time axis around a join that is painted once and then followed by the playhead.
 *
 * @param {HTMLCanvasElement} canvas laid out by CSS
 * @param {function(object, object): void} paint draws a scene on what `layer` gives
 * @param {boolean} [ruled] whether a ruler is above the lanes
 * @returns {{setData: function(object): void, draw: function(?number=, ?number=): void, secondsAt: function(number):
 *   number}} `setData` takes a scene (and paints anew at the next `draw`, as it does when the canvas has another size);
 *   `draw` takes the playhead's and the pointer's place in seconds from the join, null for none; `secondsAt` gives the
 *   seconds at CSS pixels from the left edge
 */
export function followed(canvas, paint, ruled = true) {
  let scene = null;
  const picture = new Picture(canvas, (on) => paint(on, scene));
  const top = ruled ? RULER : 0;
  const words = (seconds) => (ruled ? `${signed(seconds, 3)} s` : undefined);
  const time = () => axis(scene.from, scene.to, canvas.clientWidth);
  return {
    setData(data) {
      scene = data;
      picture.invalidate();
    },
    draw(position = null, hover = null) {
      if (!scene) return;
      const { x } = time();
      const marks = [];
      if (hover !== null) marks.push({ x: x(hover), top, colour: scene.colours.muted, text: words(hover) });
      if (position !== null) marks.push({ x: x(position), top: 0, colour: scene.colours.playhead, handle: ruled });
      picture.draw(marks);
    },
    secondsAt: (x) => (scene ? time().seconds(x) : 0),
  };
}

/**
 * A picture that is drawn once, with marks that move over it: only what the marks covered is restored.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {function(object): void} paint draws the picture on what `layer` gives
 */
class Picture {
  #canvas;
  #paint;
  #still = null;
  #covered = [];

  constructor(canvas, paint) {
    this.#canvas = canvas;
    this.#paint = paint;
  }

  /** The picture has to be drawn anew. */
  invalidate() {
    this.#still = null;
  }

  /**
   * Draw, with marks at these places.
   *
   * @param {{x: number, top: number, colour: string, text?: string, handle?: boolean}[]} marks CSS pixels
   */
  draw(marks) {
    const { width: oldWidth, height: oldHeight } = this.#canvas;
    const on = fitted(this.#canvas);
    const { context, width, height, ratio } = on;
    const resized = this.#canvas.width !== oldWidth || this.#canvas.height !== oldHeight;
    if (!this.#still || resized || this.#still.ratio !== ratio) {
      this.#still = layer(width, height, ratio);
      this.#paint(this.#still);
      this.#covered = [[0, width]];
    }
    const still = this.#still.context.canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (const [from, to] of this.#covered) {
      const left = Math.max(0, Math.floor(from * ratio));
      const right = Math.min(still.width, Math.ceil(to * ratio));
      if (right <= left) continue;
      context.clearRect(left, 0, right - left, still.height);
      context.drawImage(still, left, 0, right - left, still.height, left, 0, right - left, still.height);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#covered = marks.map((mark) => drawMark(on, mark));
  }
}

function drawMark(on, { x, top, colour, text, handle }) {
  const { context, width, height } = on;
  if (!(x >= 0 && x <= width)) return [0, 0];
  const line = Math.min(x, width - 1);
  hairline(on, colour, line, top, line, height, 1);
  if (handle) {
    context.beginPath();
    context.moveTo(x - 4.5, RULER - 8);
    context.lineTo(x + 4.5, RULER - 8);
    context.lineTo(x + 4.5, RULER - 4);
    context.lineTo(x, RULER);
    context.lineTo(x - 4.5, RULER - 4);
    context.fill();
  }
  if (!text) return [x - 6, x + 6];
  const wide = context.measureText(text).width + 10;
  const left = x + 6 + wide > width ? x - 6 - wide : x + 6;
  write(context, text, left + 5, height - 10, colour);
  return [Math.min(x, left) - 6, Math.max(x, left + wide) + 6];
}
