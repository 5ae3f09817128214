/** What is said to the editor: one line that is seen and read aloud, and a banner for what stays until it is mended. */

/**
 * @param {HTMLElement} line a polite live region
 * @param {HTMLElement} banner role alert
 */
export function makeAnnouncer(line, banner) {
  let count = 0;
  return {
    /** Say something that happened. `bad` marks what was not done. */
    say(text, { bad = false } = {}) {
      count += 1;
      // The same words twice in a row would not be read again.
      line.textContent = count % 2 ? text : `${text}\u00a0`;
      line.classList.toggle("bad", bad);
    },
    /** Show a banner until it is taken away with null. `calm`: nothing is lost. */
    banner(text, { calm = false } = {}) {
      banner.classList.toggle("calm", calm);
      if (banner.textContent !== (text ?? "")) banner.textContent = text ?? "";
      banner.hidden = !text;
    },
  };
}
