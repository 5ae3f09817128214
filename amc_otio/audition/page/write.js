/** Writing the timeline: what will be cut, the formats with what each keeps, and where the new file is. */
import { counted, make } from "./dom.js";
import { openDialog } from "./dialogs.js";

/** How long writing waits for what is being saved. */
const LONGEST_WAIT_MS = 10_000;

const yes = (value) => (value ? "yes" : "no");

/** What a format is measured to keep: a heading, and its words. */
const KEEPS = [
  ["Crossfade", (kept) => (kept.crossfades === 2 ? "yes" : kept.crossfades === 1 ? "one of two" : "no")],
  ["Offsets", (kept) => kept.offsets],
  ["Link", (kept) => yes(kept.link)],
  ["Markers", (kept) => yes(kept.markers)],
  ["Metadata", (kept) => yes(kept.metadata)],
  ["Media", (kept) => kept.media],
  ["Rates", (kept) => (kept.rates.length === 5 ? "all" : kept.rates.length ? kept.rates.join(" ") : "none")],
  ["Sample cuts", (kept) => kept.sound_tracks],
  ["Mute", (kept) => yes(kept.mute)],
  ["Gain", (kept) => kept.gain],
];

/**
 * @param {HTMLDialogElement} dialog
 * @param {Record<string, HTMLElement>} at summary, table, bounce, write, result, form
 * @param {{source: object, tell: (text: string, options?: object) => void, counts: () => Record<string, number>,
 *   decisions: Decisions, noTimeline: string | null}} with
 */
export function makeWrite(dialog, at, { source, tell, counts, decisions, noTimeline }) {
  let formats = null;
  let waiting = []; // {form, row}: those that are not measured yet, in order
  let closing = new AbortController();
  let busy = false;

  dialog.addEventListener("close", () => closing.abort());

  at.form.addEventListener("submit", (event) => {
    event.preventDefault();
    write();
  });

  async function list() {
    if (formats) {
      await measure();
      return;
    }
    at.table.replaceChildren(make("caption", { text: "Formats are listed…" }));
    try {
      formats = await source.write.formats();
    } catch (error) {
      at.table.replaceChildren(make("caption", { class: "bad", text: error.message }));
      return;
    }
    const suggested = formats.find((one) => one.suggested && one.available) ?? formats.find((one) => one.available);
    const head = make("tr", {}, make("th", { scope: "col", text: "Format" }), ...KEEPS.map(([name]) => make("th", { scope: "col", text: name })));
    const body = make("tbody");
    const cells = new Map();
    for (const form of formats) {
      const id = `format-${form.suffix.replace(/\W/g, "")}`;
      const radio = make("input", { type: "radio", name: "format", id, value: form.suffix, disabled: !form.available });
      radio.checked = form === suggested;
      const label = make("label", { for: id }, radio, make("b", { text: form.label }), make("span", { class: "suffix", text: form.suffix }));
      if (form.suggested) label.append(make("span", { class: "hint", text: "this timeline’s own" }));
      const row = make("tr", { class: form.available ? null : "off" }, make("th", { scope: "row" }, label));
      body.append(row);
      cells.set(form.suffix, row);
      if (form.available) row.append(make("td", { class: "wait", colspan: KEEPS.length, text: "is measured…" }));
      else row.append(make("td", { class: "wait", colspan: KEEPS.length, text: "not installed" }));
    }
    at.table.replaceChildren(
      make("caption", { class: "unseen", text: "What each format keeps, measured by writing and reading a small timeline" }),
      make("thead", {}, head),
      body,
    );
    // One after the other, the suggested one first: each is measured when it is asked for.
    const order = formats.filter((one) => one.available).sort((one, other) => (other === suggested) - (one === suggested));
    waiting = order.map((form) => ({ form, row: cells.get(form.suffix) }));
    await measure();
  }

  // Only while somebody looks; the rest when the dialog is opened again.
  async function measure() {
    const { signal } = closing;
    while (waiting.length && !signal.aborted) {
      const [{ form, row }] = waiting;
      if (await measured(form, row, signal)) waiting = waiting.filter((one) => one.form !== form);
    }
  }

  /** Gives false where it was taken back. */
  async function measured(form, row, signal) {
    let made;
    try {
      const kept = await source.write.format(form.suffix, signal);
      if (kept.problem) made = [make("td", { class: "wait", colspan: KEEPS.length, text: kept.problem })];
      else {
        made = KEEPS.map(([, words]) => {
          const text = words(kept);
          const good = ["yes", "exact", "all", "with timecode"].includes(text);
          return make("td", { class: text === "no" || text === "none" ? "lost" : good ? "" : "partly", text });
        });
      }
    } catch (error) {
      if (signal.aborted) return false;
      made = [make("td", { class: "wait", colspan: KEEPS.length, text: error.message })];
    }
    row.replaceChildren(row.firstElementChild, ...made);
    return true;
  }

  function summarise() {
    const { chosen, kept, rejected, undecided } = counts();
    at.summary.textContent =
      noTimeline ??
      `${counted(chosen, "cut")} will be made. ${kept} kept and ${rejected} rejected stay as they are; ${undecided} undecided stay too.`;
    at.write.disabled = busy || chosen === 0 || noTimeline !== null;
  }

  async function write() {
    if (busy) return;
    const chosen = at.table.querySelector("input[name=format]:checked");
    if (!chosen) return;
    busy = true;
    summarise();
    try {
      await everythingSaved();
      at.result.replaceChildren(make("p", { text: "The timeline is written…" }));
      const made = await source.write.write({ format: chosen.value, bounce: at.bounce.checked });
      showResult(made);
      tell(`Written: ${made.output}`);
    } catch (error) {
      at.result.replaceChildren(make("p", { class: "bad", text: error.message }));
      tell(error.message, { bad: true });
    }
    busy = false;
    summarise();
  }

  /** Wait for changes that are being saved: the server writes what it has kept. */
  async function everythingSaved() {
    if (!decisions.pending) return;
    at.result.replaceChildren(make("p", { text: "The last changes are saved…" }));
    const wanted = JSON.stringify(counts());
    const until = performance.now() + LONGEST_WAIT_MS;
    while (decisions.pending && !decisions.failing && performance.now() < until) {
      await new Promise((done) => setTimeout(done, 50));
    }
    const { pending } = decisions;
    if (pending) throw new Error(`Not written: ${counted(pending, "change")} ${pending === 1 ? "is" : "are"} not saved yet`);
    if (JSON.stringify(counts()) !== wanted) throw new Error("Not written: a change was not kept; look at what will be cut, and write again");
  }

  function showResult(made) {
    const said = make("span", { class: "said", role: "status" });
    const folder = make("button", { type: "button", text: "Show in folder" });
    folder.addEventListener("click", async () => {
      try {
        const opened = await source.write.folder();
        said.textContent = opened.opened ? `Opened ${opened.folder}` : `No window could be opened; it is in ${opened.folder}`;
      } catch (error) {
        said.textContent = error.message;
      }
    });
    const copy = make("button", { type: "button", text: "Copy path" });
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(made.output);
        said.textContent = "Copied";
      } catch {
        said.textContent = "The browser does not allow it: select the path above and copy it";
      }
    });
    const parts = [
      make("p", {}, make("b", { text: "Written " }), make("code", { class: "path", text: made.output })),
      make("div", { class: "buttons" }, folder, copy, said),
    ];
    if (made.sidecar) parts.push(make("p", {}, make("span", { text: "With it " }), make("code", { class: "path", text: made.sidecar })));
    for (const note of made.notes) parts.push(make("p", { class: "note", text: note }));
    if (made.changes.length) {
      const list = make("ol", { class: "changes" });
      for (const change of made.changes) {
        list.append(
          make("li", {}, make("span", { class: "index", text: String(change.edit_point) }), make("span", { class: "tc", text: change.timecode }), make("span", { text: change.summary })),
        );
      }
      parts.push(list);
    }
    at.result.replaceChildren(...parts);
    folder.focus();
  }

  return {
    open() {
      if (dialog.open) return;
      summarise();
      closing = new AbortController();
      openDialog(dialog);
      list();
    },
  };
}
