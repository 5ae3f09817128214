/** Elements made of text: nothing that a timeline or a file is called ever becomes markup. */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `class`, `text`, `on…` listeners; others are set as attributes
 * @param {...Node} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** An icon of those that index.html defines. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** "1 frame", "2 frames". */
export function counted(count, word) {
  return `${count} ${word}${Math.abs(count) === 1 ? "" : "s"}`;
}
