/** The keyboard: which key does what. The help shows the same table. */

/** Every key, in the order in which the help tells them. `on` are `KeyboardEvent.key`, with "Shift+" where it counts. */
export const KEYS = [
  { group: "Listen", keys: "Space", on: [" "], does: "togglePlay", says: "Play or pause" },
  { group: "Listen", keys: "B", on: ["b"], does: "nextPlayer", says: "Next player: plain cut, fixed crossfade, ours" },
  { group: "Listen", keys: "Shift B", on: ["Shift+b"], does: "previousPlayer", says: "Player before" },
  { group: "Move", keys: "↑ ↓", on: ["ArrowUp"], does: "previousChoice", says: "Candidate before, next candidate" },
  { on: ["ArrowDown"], does: "nextChoice" },
  { group: "Move", keys: "1 – 9", on: [..."123456789"], does: "choose", says: "The nth candidate shown" },
  { group: "Move", keys: "0", on: ["0"], does: "choosePresent", says: "The present shot" },
  { group: "Move", keys: "← →", on: ["ArrowLeft"], does: "previousPoint", says: "Edit point before, next edit point" },
  { on: ["ArrowRight"], does: "nextPoint" },
  { group: "Move", keys: "N", on: ["n"], does: "nextUndecided", says: "Next undecided edit point" },
  { group: "Decide", keys: "A", on: ["a"], does: "accept", says: "Accept the candidate" },
  { group: "Decide", keys: "K", on: ["k"], does: "keep", says: "Keep the present shot" },
  { group: "Decide", keys: "X", on: ["x"], does: "reject", says: "Reject: no candidate will do" },
  { group: "Decide", keys: "U", on: ["u"], does: "undo", says: "Undo the last change" },
  { group: "Decide", keys: "Delete", on: ["Delete", "Backspace"], does: "clear", says: "Undecided again" },
  { group: "Adjust", keys: ", .", on: [","], does: "nudgeEarlier", says: "Nudge one frame earlier, later (Shift: 10)" },
  { on: ["."], does: "nudgeLater" },
  { on: ["<", "Shift+,", "Shift+;"], does: "nudgeFarEarlier" },
  { on: [">", "Shift+.", "Shift+:"], does: "nudgeFarLater" },
  { group: "Adjust", keys: "[ ]", on: ["["], does: "fadeShorter", says: "Fade 10 ms shorter, longer (Shift: 50)" },
  { on: ["]"], does: "fadeLonger" },
  { on: ["{", "Shift+["], does: "fadeMuchShorter" },
  { on: ["}", "Shift+]"], does: "fadeMuchLonger" },
  { group: "Adjust", keys: "L", on: ["l"], does: "nextLaw", says: "Other fade law" },
  { group: "Adjust", keys: "M", on: ["m"], does: "nextMethod", says: "Next method" },
  { group: "Adjust", keys: "R", on: ["r"], does: "reset", says: "Back to the join as proposed" },
  { group: "Page", keys: "/", on: ["/", "Shift+/"], does: "search", says: "Search" },
  { group: "Page", keys: "S", on: ["s"], does: "weigh", says: "Weigh the reasons" },
  { group: "Page", keys: "W", on: ["w"], does: "write", says: "Write the timeline" },
  { group: "Page", keys: "T", on: ["t"], does: "theme", says: "Light or dark" },
  { group: "Page", keys: "?", on: ["?"], does: "help", says: "This help" },
  { group: "Page", keys: "Esc", on: [], does: "", says: "Close; leave a field" },
];

const COMMANDS = new Map();
for (const { on, does } of KEYS) for (const key of on) COMMANDS.set(key, does);

/** Which command a key stands for; undefined for none. Capitals count as letters with Shift, or with the caps lock. */
export function commandOf({ key, shiftKey }) {
  const letter = key.length === 1 ? key.toLowerCase() : key;
  if (shiftKey) {
    const shifted = COMMANDS.get(`Shift+${letter}`);
    // A sign that needs Shift on this keyboard ("?", "/" on some) is meant as it is; a letter with Shift is another key.
    if (key !== "/" && shifted) return shifted;
    if (/^[a-z]$/.test(letter)) return undefined;
  }
  return COMMANDS.get(letter);
}

/**
 * Listen to the keyboard. Keys belong to a field while one is typed in, and to a control that uses them itself.
 * @param {Record<string, (event: KeyboardEvent) => void>} commands by name
 * @param {{leave: () => void}} with `leave` gives the focus back to the candidates
 */
export function listenToKeys(commands, { leave }) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      if (isControl(event.target)) leave();
      else commands.escape?.(event);
      return;
    }
    const command = commandOf(event);
    if (!command || belongsTo(event.target, event.key)) return;
    event.preventDefault();
    commands[command]?.(event);
  });
}

const isControl = (target) => target instanceof Element && target.matches("input, select, textarea, button, summary, a");

function belongsTo(target, key) {
  if (!(target instanceof Element)) return false;
  if (target.closest("textarea, select, [contenteditable]")) return true;
  const input = target.closest("input");
  if (input) {
    if (input.type === "checkbox") return key === " ";
    if (input.type === "radio" || input.type === "range") return key === " " || key.startsWith("Arrow");
    return true;
  }
  return key === " " && target.closest("button, summary, a") !== null;
}
