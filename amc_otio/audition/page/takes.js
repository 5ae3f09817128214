/** The candidates of an edit point as rows: the present shot, those that can be cut, those that were refused. */
import { counted, make } from "./dom.js";
import { thumbnail } from "./pictures.js";
import { isWeighed, ranked, REASONS, weighed } from "./weigh.js";

/** The last part of a path. */
export function fileName(path) {
  return path.split(/[\\/]/).pop() || path;
}

/** Whether a search finds an edit point itself, by its number, timecode or one of its two shots. */
export function pointMatches(point, search) {
  const text = [`#${point.number}`, point.timecode, point.outgoing, point.incoming ?? ""].join("\n").toLowerCase();
  return text.includes(search);
}

const takeMatches = (take, search) => `${take.name}\n${take.path}`.toLowerCase().includes(search);

/**
 * The candidates that are shown, best first.
 * @param {object} point
 * @param {{search: string, source: string, hideSame: boolean, weights: Record<string, number>}} view
 */
export function shownTakes(point, { search, source, hideSame, weights }) {
  const words = search.trim().toLowerCase();
  const named = !words || pointMatches(point, words);
  const kept = point.takes.filter(
    (take) =>
      (named || takeMatches(take, words)) && (!source || take.path === source) && !(hideSame && take.same_source),
  );
  return ranked(kept, weights);
}

/**
 * @param {{list: HTMLElement, refused: HTMLElement, refusedTitle: HTMLElement, refusedBox: HTMLElement}} places
 * @param {{source: object, select: (choice: number) => void, play: () => void}} with
 */
export function makeTakes({ list, refused, refusedTitle, refusedBox }, { source, select, play }) {
  let rows = new Map();
  let shown = [];
  let wantsFocus = false;

  list.addEventListener("pointerdown", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) select(Number(row.dataset.choice));
  });
  list.addEventListener("dblclick", (event) => {
    if (event.target.closest("[role=option]")) play();
  });
  list.addEventListener("focusin", (event) => {
    const row = event.target.closest("[role=option]");
    if (row && row.getAttribute("aria-selected") !== "true") select(Number(row.dataset.choice));
  });

  return {
    /** The choices in the order that they are shown in: 0 is the present shot. */
    get order() {
      return shown;
    },

    /** Whether the focus is on one of the rows. */
    get focused() {
      return list.contains(document.activeElement);
    },

    focus(choice) {
      rows.get(choice)?.focus({ preventScroll: false });
    },

    /**
     * Build the rows of an edit point.
     * @param {object} point
     * @param {object[]} takes those that are shown, in order
     * @param {Record<string, number>} weights
     */
    show(point, takes, weights) {
      // Rows that had the focus are replaced: the next one that is marked has it.
      const { activeElement } = document;
      wantsFocus ||= this.focused || activeElement === document.body || activeElement === null;
      rows = new Map();
      const made = [];
      if (point.present || point.incoming) {
        rows.set(0, presentRow(source, point));
        made.push(rows.get(0));
      }
      takes.forEach((take, index) => {
        const row = takeRow(source, point, take, index + 1, weights);
        rows.set(take.rank, row);
        made.push(row);
      });
      shown = [...rows.keys()];
      list.replaceChildren(...made);
      list.classList.toggle("none", takes.length === 0);
      showRefused(point);
      if (wantsFocus && !rows.size) list.focus();
    },

    /** Mark the selected row; it is the one that Tab reaches. */
    mark(choice, { focus = false } = {}) {
      for (const [one, row] of rows) {
        const is = one === choice;
        if (is !== (row.getAttribute("aria-selected") === "true")) row.setAttribute("aria-selected", String(is));
        row.tabIndex = is ? 0 : -1;
        if (is) {
          row.scrollIntoView({ block: "nearest" });
          if (focus || wantsFocus) row.focus({ preventScroll: true });
          wantsFocus = false;
        }
      }
    },

    /** Show what is decided of the edit point. */
    decided(decision) {
      for (const [choice, row] of rows) {
        const text = stateOf(choice, decision);
        row.querySelector(".state").textContent = text;
        row.dataset.state = text;
        row.setAttribute("aria-label", `${row.dataset.name}${text ? `; ${text}` : ""}`);
      }
    },
  };

  function showRefused(point) {
    const said = point.refused;
    refusedBox.hidden = said.length === 0;
    refusedTitle.textContent = `${counted(said.length, "refusal")}: matches that cannot be cut`;
    refused.replaceChildren(
      ...said.map((one) =>
        make(
          "li",
          {},
          make("span", { class: "name", text: one.name, title: one.path }),
          make("span", { class: "tc", text: one.source_time }),
          make("span", { class: "number", text: one.similarity.toFixed(3) }),
          make("span", {
            class: "reason",
            text: one.reason + (one.missing_frames ? ` (${counted(one.missing_frames, "frame")} missing)` : ""),
          }),
        ),
      ),
    );
  }
}

function stateOf(choice, decision) {
  if (decision.state === "chosen") return decision.rank === choice ? "accepted" : "";
  if (decision.state === "kept") return choice === 0 ? "kept" : "";
  if (decision.state === "rejected") return choice === 0 ? "" : "rejected";
  return "";
}

function presentRow(source, point) {
  const now = point.present;
  const hasPicture = Boolean(now?.incoming?.has_picture);
  const name = point.incoming ?? "nothing";
  return row(
    0,
    `Present shot: ${name}${now ? `; similarity ${now.similarity.toFixed(2)}` : ""}`,
    make("span", { class: "key", text: "0" }),
    pair(source, point.sound?.has_picture ? `${point.number}.out` : null, hasPicture ? `${point.number}.present` : null),
    make("span", { class: "name" }, make("b", { text: name }), make("i", { text: "present shot" })),
    make("span", { class: "why" }),
    make("span", { class: "tc", text: "" }),
    make("span", { class: "number", text: now ? now.similarity.toFixed(3) : "" }),
    make("span", { class: "bars" }),
    make("span", { class: "number rank", text: "" }),
    make("span", { class: "was" }),
    make("span", { class: "state" }),
  );
}

function takeRow(source, point, take, place, weights) {
  const id = `${point.number}.${take.rank}`;
  const bars = make("span", { class: "bars" });
  const spoken = [];
  for (const { key, name, says } of REASONS) {
    const value = take.bars[key];
    const bar = make("span", { class: "bar", title: `${name} ${value.toFixed(2)}: 1 means ${says}` });
    const fill = make("span", { class: "fill" });
    fill.style.setProperty("--of", String(Math.min(1, Math.max(0, value))));
    bar.append(fill, make("span", { class: "value", text: value.toFixed(2).replace(/^0/, "") }));
    bars.append(bar);
    spoken.push(`${name.toLowerCase()} ${value.toFixed(2)}`);
  }
  const changed = isWeighed(weights);
  const file = fileName(take.path);
  // The similarity has its own column.
  const why = take.reasons.filter((reason) => !reason.startsWith("similarity "));
  return row(
    take.rank,
    `${place}: ${take.name} at ${take.source_time}; similarity ${take.similarity.toFixed(2)}; ${spoken.join(", ")}` +
      (changed ? `; proposed as ${take.rank}` : ""),
    make("span", { class: "key", text: String(place) }),
    pair(source, take.outgoing.has_picture ? `${id}.out` : null, take.incoming.has_picture ? `${id}.in` : null),
    make(
      "span",
      { class: "name", title: [take.path, ...take.reasons].join("\n") },
      make("b", { text: take.name }),
      make("i", { text: file === take.name ? why[0] ?? "" : file }),
    ),
    make("span", { class: "why", text: why.join(", "), title: why.join("\n") }),
    make("span", { class: "tc", text: take.source_time }),
    make("span", { class: "number", text: take.similarity.toFixed(3) }),
    bars,
    make("span", {
      class: "number rank",
      text: changed ? weighed(take, weights).toFixed(2) : take.score.toFixed(3),
      title: changed ? `proposed as ${take.rank} with ${take.score.toFixed(3)}` : "the score that it was proposed with",
    }),
    make("span", { class: "was", text: changed ? `#${take.rank}` : "" }),
    make("span", { class: "state" }),
  );
}

function row(choice, name, ...cells) {
  return make(
    "div",
    { role: "option", class: choice ? "take" : "take present", "data-choice": choice, "data-name": name, "aria-label": name, "aria-selected": "false", tabindex: "-1" },
    ...cells,
  );
}

function pair(source, out, incoming) {
  return make("span", { class: "pair" }, thumbnail(source, out), thumbnail(source, incoming));
}
