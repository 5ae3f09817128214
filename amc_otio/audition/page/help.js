/** The help: every key. */
import { make } from "./dom.js";
import { KEYS } from "./keys.js";
import { openDialog } from "./dialogs.js";

/**
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} body
 */
export function makeHelp(dialog, body) {
  const groups = new Map();
  for (const { group, keys, says } of KEYS) {
    if (!group) continue;
    if (!groups.has(group)) groups.set(group, make("dl", {}));
    groups.get(group).append(
      make("div", {}, make("dt", {}, ...keys.split(" ").map((key) => (key === "–" ? "–" : make("kbd", { text: key })))), make("dd", { text: says })),
    );
  }
  for (const [name, list] of groups) body.append(make("section", {}, make("h3", { text: name }), list));
  return { open: () => openDialog(dialog) };
}
