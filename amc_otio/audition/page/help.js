/** The help: every key, and the end of the server, which nobody should press by chance. */
import { make } from "./dom.js";
import { KEYS } from "./keys.js";
import { openDialog } from "./dialogs.js";

/**
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} body
 * @param {{place: HTMLElement, button: HTMLElement, end: () => Promise<void>} | null} ending null: there is no server
 */
export function makeHelp(dialog, body, ending) {
  const groups = new Map();
  for (const { group, keys, says } of KEYS) {
    if (!group) continue;
    if (!groups.has(group)) groups.set(group, make("dl", {}));
    groups.get(group).append(
      make("div", {}, make("dt", {}, ...keys.split(" ").map((key) => (key === "–" ? "–" : make("kbd", { text: key })))), make("dd", { text: says })),
    );
  }
  for (const [name, list] of groups) body.append(make("section", {}, make("h3", { text: name }), list));
  if (ending) {
    ending.place.hidden = false;
    ending.button.addEventListener("click", () => {
      dialog.close();
      ending.end().catch(() => {}); // the banner says what became of it
    });
  }
  return { open: () => openDialog(dialog) };
}
