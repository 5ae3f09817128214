// Colour scales for what is drawn by its value: from the surface through a hue to the brightest (on a dark surface) or
// the darkest (on a light one), in even steps of lightness. Colours are mixed in Oklab (Björn Ottosson, 2020).

/**
 * 256 colours, value 0 the surface.
 *
 * @param {string} surface CSS colour
 * @param {string} hue CSS colour that gives the hue
 * @returns {Uint8ClampedArray} red, green and blue of each
 */
export function shades(surface, hue) {
  const ground = oklab(rgbOf(surface));
  const [, a, b] = oklab(rgbOf(hue));
  const most = Math.hypot(a, b);
  const end = ground[0] < 0.6 ? 0.97 : 0.22;
  // Colourfulness rises and falls again: the ends of the lightness scale hold little of it.
  const chroma = [0.1, 0.55, 0.95, 1, 0.35];
  const stops = chroma.map((share, i) => {
    const t = i / (chroma.length - 1);
    const tinted = [ground[0] + t * (end - ground[0]), a * share, b * share];
    return i === 0 || most === 0 ? [tinted[0], ground[1], ground[2]] : tinted;
  });
  const made = new Uint8ClampedArray(256 * 3);
  for (let value = 0; value < 256; value++) {
    const place = (value / 255) * (stops.length - 1);
    const i = Math.min(Math.floor(place), stops.length - 2);
    const mixed = stops[i].map((from, k) => from + (place - i) * (stops[i + 1][k] - from));
    made.set(rgb(mixed), 3 * value);
  }
  return made;
}

/**
 * A matrix of bytes as a picture.
 *
 * @param {Uint8Array} data row-major
 * @param {number} rows
 * @param {number} columns
 * @param {Uint8ClampedArray} colours as `shades` gives them
 * @param {function(number): number} [opacity] of a column, 0 to 1
 * @returns {OffscreenCanvas} row 0 at the bottom, one pixel a value
 */
export function pictured(data, rows, columns, colours, opacity = () => 1) {
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const alpha = Uint8ClampedArray.from({ length: columns }, (_, column) => 255 * opacity(column));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const colour = 3 * data[row * columns + column];
      const pixel = 4 * ((rows - 1 - row) * columns + column);
      for (let k = 0; k < 3; k++) image.data[pixel + k] = colours[colour + k];
      image.data[pixel + 3] = alpha[column];
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function rgbOf(css) {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  context.fillStyle = css;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

function oklab(bytes) {
  const [r, g, b] = bytes.map((byte) => {
    const v = byte / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function rgb([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((v) => 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * Math.max(v, 0) ** (1 / 2.4) - 0.055));
}
