/** The list of edit points. */
import { make } from "./dom.js";
import { thumbnail } from "./pictures.js";

/**
 * What is decided of an edit point, in a word and, for the eye, a sign.
 * @param {number | null} rival the edit point that is cut and changes the same shot
 */
export function markOf(point, decision, rival = null) {
  if (point.refusal !== null) return { sign: "–", words: "cannot be cut", state: "refused" };
  if (decision.state === "chosen") return { sign: `${decision.rank}`, words: `candidate ${decision.rank} accepted`, state: "chosen" };
  if (decision.state === "kept") return { sign: "0", words: "present shot kept", state: "kept" };
  if (decision.state === "rejected") return { sign: "×", words: "candidates rejected", state: "rejected" };
  if (rival !== null) return { sign: "", words: `undecided; the cut at ${rival} changes this shot`, state: "undecided" };
  return { sign: "", words: "undecided", state: "undecided" };
}

/**
 * @param {HTMLElement} list role listbox
 * @param {{source: object, points: object[], select: (number: number) => void}} with
 */
export function makePoints(list, { source, points, select }) {
  const rows = new Map();
  for (const point of points) rows.set(point.number, pointRow(source, point));
  list.replaceChildren(...rows.values());
  list.addEventListener("pointerdown", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) select(Number(row.dataset.number));
  });
  list.addEventListener("focusin", (event) => {
    const row = event.target.closest("[role=option]");
    if (row && row.getAttribute("aria-selected") !== "true") select(Number(row.dataset.number));
  });
  let selected = null;

  return {
    /** Whether the focus is on one of the rows. */
    get focused() {
      return list.contains(document.activeElement);
    },

    /** Mark the selected edit point. */
    mark(number, { focus = false } = {}) {
      const before = rows.get(selected);
      if (before && selected !== number) {
        before.setAttribute("aria-selected", "false");
        before.tabIndex = -1;
      }
      selected = number;
      const row = rows.get(number);
      if (!row) return;
      row.setAttribute("aria-selected", "true");
      row.tabIndex = 0;
      row.scrollIntoView({ block: "nearest" });
      if (focus) row.focus({ preventScroll: true });
    },

    /** Show only these edit points. */
    only(numbers) {
      for (const [number, row] of rows) row.hidden = !numbers.has(number);
    },

    /** Show what is decided of an edit point, and that the cut at `rival` stands in its way. */
    decided(point, decision, rival = null) {
      const row = rows.get(point.number);
      const { sign, words, state } = markOf(point, decision, rival);
      const beside = row.querySelector(".beside");
      const excluded = state === "undecided" && rival !== null;
      beside.textContent = excluded ? `the cut at ${rival} changes this shot` : "";
      beside.hidden = !excluded;
      row.classList.toggle("excluded", excluded);
      row.dataset.state = state;
      const mark = row.querySelector(".mark");
      mark.textContent = sign;
      mark.title = words;
      row.setAttribute("aria-label", `${row.dataset.name}; ${words}`);
    },
  };
}

function pointRow(source, point) {
  const shots = `${point.outgoing} to ${point.incoming ?? "nothing"}`;
  const name = `Edit point ${point.number} at ${point.timecode}: ${shots}${point.refusal ? `; ${point.refusal}` : ""}`;
  const lines = make(
    "span",
    { class: "lines" },
    make(
      "span",
      { class: "first" },
      make("span", { class: "tc", text: point.timecode }),
      make("span", { class: "track", text: point.track }),
    ),
    make("span", { class: "shot", text: point.outgoing, title: point.outgoing }),
    make("span", { class: "shot", text: point.incoming ?? "—", title: point.incoming ?? "" }),
  );
  if (point.refusal) lines.append(make("span", { class: "reason", text: point.refusal, title: point.refusal }));
  return make(
    "div",
    {
      role: "option",
      class: "point",
      "data-number": point.number,
      "data-name": name,
      "aria-label": name,
      "aria-selected": "false",
      "aria-disabled": point.refusal ? "true" : null,
      tabindex: "-1",
    },
    make("span", { class: "index", text: String(point.number) }),
    make(
      "span",
      { class: "pair" },
      thumbnail(source, point.sound?.has_picture ? `${point.number}.out` : null),
      thumbnail(source, point.present?.incoming?.has_picture ? `${point.number}.present` : null),
    ),
    lines,
    make("span", { class: "mark" }),
    make("span", { class: "reason beside", hidden: true }),
  );
}
