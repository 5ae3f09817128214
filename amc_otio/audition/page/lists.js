/** The two lists and the filters: they follow what is selected, searched, weighed and decided. */
import { make } from "./dom.js";
import { makePoints } from "./points.js";
import { fileName, makeTakes, pointMatches } from "./takes.js";
import { isWeighed, keepWeights, makeWeighPanel, noWeights, REASONS } from "./weigh.js";

const at = (id) => document.getElementById(id);

export class Lists {
  #session;
  #say;
  #points;
  #takes;
  #weigh;

  /**
   * @param {Session} session
   * @param {{say: (text: string, options?: object) => void, play: () => void}} with
   */
  constructor(session, { say, play }) {
    const { source, told, state } = session;
    this.#session = session;
    this.#say = say;
    this.#points = makePoints(at("points"), { source, points: told.points, select: (number) => session.go(number) });
    this.#takes = makeTakes(
      { list: at("takes"), refused: at("refused"), refusedTitle: at("refused-title"), refusedBox: at("refused-box") },
      { source, select: (choice) => state.set({ choice }), play },
    );
    this.#weigh = makeWeighPanel(at("weights"), { weights: state.values.weights, change: (weights) => state.set({ weights }) });
    fillSources(told);
    fillHead();
    this.#listen();
  }

  /** The choices as they are listed, 0 (the present shot) first. */
  get order() {
    return this.#takes.order;
  }

  /** Whether the focus is in the list of edit points. */
  get inPoints() {
    return this.#points.focused;
  }

  /** Give the focus to the selected candidate. */
  focus() {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    this.#takes.focus(this.#session.state.values.choice);
  }

  /** Show what is decided of an edit point, there and where it stands in the way of others. */
  decided(number) {
    const { points, decisions } = this.#session;
    const point = points.get(number);
    for (const one of [point, ...(point.excludes ?? []).map((other) => points.get(other))]) {
      if (one) this.#points.decided(one, decisions.of(one.number), this.#session.rivalOf(one));
    }
    if (number === this.#session.state.values.number) this.#takes.decided(decisions.of(number));
  }

  #listen() {
    const { state, weightsKey } = this.#session;
    state.on(["search", "source", "hideSame"], () => this.#filter());
    state.on(["number", "search", "source", "hideSame", "weights"], () => this.#showPoint());
    state.on(["number", "choice"], () => this.#takes.mark(state.values.choice, { focus: this.#takes.focused }));
    state.on(["weights"], ({ weights }) => {
      keepWeights(weightsKey, weights);
      at("weigh-button").classList.toggle("on", isWeighed(weights));
    });
    at("weigh-button").classList.toggle("on", isWeighed(state.values.weights));
    state.on(["weighing"], ({ weighing }) => {
      at("weigh").hidden = !weighing;
      at("weigh-button").setAttribute("aria-expanded", String(weighing));
      if (weighing) this.#weigh.focus();
      else this.focus();
    });
    at("weigh-reset").addEventListener("click", () => {
      this.#weigh.show(noWeights());
      state.set({ weights: noWeights() });
    });
    at("search").addEventListener("input", () => state.set({ search: at("search").value }));
    at("search").addEventListener("keydown", (event) => event.key === "Enter" && this.focus());
    at("source").addEventListener("change", () => state.set({ source: at("source").value }));
    at("hide-same").addEventListener("change", () => state.set({ hideSame: at("hide-same").checked }));
  }

  #showPoint() {
    const { point, state, decisions } = this.#session;
    if (!point) return;
    const { weights, number, choice } = state.values;
    const takes = this.#session.shown(point);
    this.#points.mark(number, { focus: this.#points.focused });
    this.#takes.show(point, takes, weights);
    this.#takes.decided(decisions.of(number));
    const hidden = point.takes.length - takes.length;
    at("takes-count").textContent = `${takes.length}${hidden ? ` of ${point.takes.length}` : ""}${isWeighed(weights) ? ", as weighed" : ""}`;
    at("takes-none").hidden = takes.length > 0;
    at("takes-none").textContent = point.refusal ?? (hidden ? "No candidate passes the filters." : "There is no candidate here.");
    at("refused-box").open = takes.length === 0 && point.takes.length === 0;
    if (!this.order.includes(choice)) state.set({ choice: this.order[1] ?? this.order[0] ?? 0 });
    else this.#takes.mark(choice);
  }

  #filter() {
    const { told, state } = this.#session;
    const { search, source, hideSame, number } = state.values;
    // Commands change the filters too.
    if (at("search").value !== search) at("search").value = search;
    at("source").value = source;
    at("hide-same").checked = hideSame;
    const words = search.trim().toLowerCase();
    const visible = told.points.filter((point) => {
      if (!words && !source && !hideSame) return true;
      if (words && !source && pointMatches(point, words)) return true;
      return (!words && !source) || this.#session.shown(point).length > 0;
    });
    const numbers = new Set(visible.map((point) => point.number));
    this.#session.visible = numbers;
    this.#points.only(numbers);
    if (numbers.size && !numbers.has(number)) this.#session.go(visible[0].number);
    if (!numbers.size) this.#say("Nothing is found.");
  }
}

function fillSources(told) {
  const paths = new Map();
  for (const point of told.points) {
    for (const take of point.takes) paths.set(take.path, (paths.get(take.path) ?? 0) + 1);
  }
  const sorted = [...paths].sort(([one], [other]) => fileName(one).localeCompare(fileName(other)));
  for (const [path, count] of sorted) {
    const option = new Option(`${fileName(path)} (${count})`, path);
    option.title = path;
    at("source").append(option);
  }
}

// Full words where there is room for them, else their short forms (style.css).
function fillHead() {
  const heading = (name, full, short, title) =>
    make("span", { class: name, title }, make("span", { class: "full", text: full }), make("span", { class: "short", text: short }));
  const bars = REASONS.map(({ short, name, says }) => heading("bar", name, short, `${name}: 1 means ${says}`));
  at("takes-head").append(
    make("span", { class: "key", text: "" }),
    make("span", { class: "pair", text: "Out | in" }),
    make("span", { class: "name", text: "Name" }),
    make("span", { class: "why", text: "Why" }),
    heading("tc", "Source time", "Source", "Where the incoming shot begins in its source"),
    heading("number", "Similarity", "Sim.", "Similarity of the two sounds, as the search found it"),
    make("span", { class: "bars" }, ...bars),
    make("span", { class: "number rank", text: "Score" }),
    make("span", { class: "was", text: "" }),
    make("span", { class: "state", text: "" }),
  );
}
