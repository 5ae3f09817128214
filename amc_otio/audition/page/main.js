/** The page: parts are put together here, and the editor's commands carried out. */
import { adjustmentsOf, AS_PROPOSED, Drafts, makeControls } from "./adjust.js";
import { makeAnnouncer } from "./announce.js";
import { makeCommands } from "./commands.js";
import { Decisions, same } from "./decisions.js";
import { make } from "./dom.js";
import { makeHelp } from "./help.js";
import { listenToKeys } from "./keys.js";
import { Player } from "./player.js";
import { makePoints } from "./points.js";
import { makeSource } from "./source.js";
import { Stage } from "./stage.js";
import { State } from "./state.js";
import { fileName, makeTakes, pointMatches, shownTakes } from "./takes.js";
import { onSystemTheme, startTheme } from "./theme.js";
import { Undo } from "./undo.js";
import { Viewer } from "./viewer.js";
import { isWeighed, keepWeights, keptWeights, makeWeighPanel, noWeights, REASONS } from "./weigh.js";
import { adjustWords, joinWords, stateWords } from "./words.js";
import { makeWrite } from "./write.js";

const ACTIVE_EVERY_MS = 60_000;
const NO_ANSWER = "Not saved: the server does not answer; run amc-otio audition again.";

const at = (id) => document.getElementById(id);

startTheme();
const announcer = makeAnnouncer(at("said"), at("banner"));
start().catch((error) => {
  announcer.banner(error.message);
  if (!error.kind) console.error(error);
});

async function start() {
  const source = makeSource();
  const told = await source.told();
  new Page(source, told).start();
}

/** What an editor's session is made of. */
class Page {
  constructor(source, told) {
    this.source = source;
    this.told = told;
    this.points = new Map(told.points.map((point) => [point.number, point]));
    const key = `amc-${told.proposals_sha256}`;
    this.weightsKey = `${key}-weights`;
    this.decisions = new Decisions(source.decisions, told.points);
    this.undos = new Undo(`${key}-undo`);
    this.drafts = new Drafts(`${key}-drafts`);
    this.state = new State({
      number: null,
      choice: 0,
      search: "",
      source: "",
      hideSame: false,
      weights: keptWeights(this.weightsKey),
      weighing: false,
      player: "C",
      status: "loading",
      // Counts decisions, for what follows them.
      decided: 0,
    });
    this.player = new Player();
    this.makeParts();
  }

  makeParts() {
    const { source, told, state } = this;
    const select = (choice) => state.set({ choice });
    this.pointList = makePoints(at("points"), { source, points: told.points, select: (number) => this.go(number) });
    this.takeList = makeTakes(
      { list: at("takes"), refused: at("refused"), refusedTitle: at("refused-title"), refusedBox: at("refused-box") },
      { source, select, play: () => this.commands.togglePlay() },
    );
    this.viewer = new Viewer(at("video-out"), at("video-in"), at("still-out"), at("still-in"), {
      out: at("plate-out"),
      in: at("plate-in"),
    });
    this.viewer.follow(this.player);
    this.stage = new Stage({
      source,
      told,
      player: this.player,
      viewer: this.viewer,
      at: {
        waveform: at("waveform"),
        spectrogram: at("spectrogram"),
        matrix: at("matrix"),
        time: at("time"),
      },
      tell: (what) => this.staged(what),
    });
    this.controls = makeControls(
      {
        group: at("adjust"),
        nudge: at("nudge"),
        nudgeLess: at("nudge-less"),
        nudgeMore: at("nudge-more"),
        fade: at("fade"),
        fadeLess: at("fade-less"),
        fadeMore: at("fade-more"),
        law: at("law"),
        method: at("method"),
        reset: at("reset"),
        problem: at("problem"),
      },
      {
        laws: told.laws,
        methods: told.methods,
        rate: told.rate,
        change: (patch) => this.adjust(patch),
        reset: () => this.commands.reset(),
        needJoins: () => this.stage.needJoins().catch((error) => this.controls.problem(error.message)),
      },
    );
    this.weighPanel = makeWeighPanel(at("weights"), {
      weights: state.values.weights,
      change: (weights) => state.set({ weights }),
    });
    this.help = makeHelp(at("help"), at("help-body"));
    this.writing =
      source.write &&
      makeWrite(
        at("write"),
        { summary: at("write-summary"), table: at("formats"), bounce: at("bounce"), write: at("write-now"), result: at("written"), form: at("write-form") },
        { source, tell: announcer.say, counts: () => this.counts(), noTimeline: told.no_timeline },
      );
    if (!source.write) at("write-button").textContent = "Save decisions";
  }

  async start() {
    const { state, told } = this;
    at("name").textContent = told.name;
    at("name").title = told.file;
    document.title = `${told.name} – audition`;
    this.fillSources();
    this.fillHead();
    this.listen();
    try {
      await this.decisions.start();
    } catch (error) {
      announcer.banner(error.message);
    }
    for (const point of told.points) this.pointList.decided(point, this.decisions.of(point.number));
    this.showProgress();
    this.showSaving();
    Object.defineProperty(window, "amc", { value: Object.freeze({ state, player: this.player }) });
    const first = told.points.find((point) => this.isOpen(point)) ?? told.points.find((p) => p.refusal === null) ?? told.points[0];
    if (first) this.go(first.number);
    else announcer.say("There are no edit points.");
    state.flush();
    this.takeList.focus(state.values.choice);
  }

  // What is shown follows the state.

  listen() {
    const { state, decisions } = this;
    state.on(["number", "search", "source", "hideSame", "weights"], () => this.showPoint());
    state.on(["search", "source", "hideSame"], () => this.filterPoints());
    state.on(["number", "choice"], () => this.showChoice());
    state.on(["player"], () => this.showPlayer());
    state.on(["weights"], ({ weights }) => {
      keepWeights(this.weightsKey, weights);
      at("weigh-button").classList.toggle("on", isWeighed(weights));
    });
    at("weigh-button").classList.toggle("on", isWeighed(state.values.weights));
    state.on(["weighing"], ({ weighing }) => {
      at("weigh").hidden = !weighing;
      at("weigh-button").setAttribute("aria-expanded", String(weighing));
      if (weighing) this.weighPanel.focus();
      else this.leave();
    });
    state.on(["status", "decided", "number", "choice"], () => this.showDecide());

    decisions.addEventListener("change", ({ detail }) => this.decided(detail));
    decisions.addEventListener("dropped", ({ detail }) => this.undos.drop(detail.number, detail.decision));
    decisions.addEventListener("saving", () => this.showSaving());
    decisions.addEventListener("ended", ({ detail }) => {
      this.ended = `The server has ended${detail.reason ? ` (${detail.reason})` : ""}; run amc-otio audition again.`;
      this.showSaving();
    });
    this.player.addEventListener("state", () => this.showPlaying());
    this.player.addEventListener("ended", () => this.showPlaying());
    this.listenToControls();
    onSystemTheme(() => this.stage.redraw());
  }

  listenToControls() {
    const { state } = this;
    at("search").addEventListener("input", () => state.set({ search: at("search").value }));
    at("source").addEventListener("change", () => state.set({ source: at("source").value }));
    at("hide-same").addEventListener("change", () => state.set({ hideSame: at("hide-same").checked }));
    at("note").addEventListener("change", () => this.note(at("note").value));
    at("note").addEventListener("keydown", (event) => event.key === "Enter" && this.leave());
    at("search").addEventListener("keydown", (event) => event.key === "Enter" && this.leave());
    at("weigh-reset").addEventListener("click", () => {
      this.weighPanel.show(noWeights());
      state.set({ weights: noWeights() });
    });
    const commands = makeCommands(this, announcer.say);
    this.commands = commands;
    const buttons = { play: "togglePlay", accept: "accept", keep: "keep", reject: "reject", clear: "clear", undo: "undo", "weigh-button": "weigh", "theme-button": "theme", "help-button": "help", "write-button": "write" };
    for (const [id, command] of Object.entries(buttons)) at(id).addEventListener("click", () => commands[command]());
    for (const input of at("players").querySelectorAll("input")) {
      input.addEventListener("change", () => state.set({ player: input.value }));
    }
    // After a click with the pointer the keys are the candidates' again: space plays, and does not press the button anew.
    at("stage").addEventListener("click", (event) => {
      if (event.detail > 0 && event.target.closest("button, .segments")) this.leave();
    });
    listenToKeys(commands, { leave: () => this.leave() });
    let active = Date.now();
    for (const type of ["keydown", "pointermove", "pointerdown"]) {
      addEventListener(
        type,
        () => {
          if (Date.now() - active < ACTIVE_EVERY_MS) return;
          active = Date.now();
          this.source.active();
        },
        { passive: true },
      );
    }
  }

  /** Give the focus to the selected candidate. */
  leave() {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    this.takeList.focus(this.state.values.choice);
  }

  get point() {
    return this.points.get(this.state.values.number) ?? null;
  }

  get take() {
    return this.point?.takes.find((take) => take.rank === this.state.values.choice) ?? null;
  }

  shown(point) {
    return shownTakes(point, this.state.values);
  }

  isOpen(point) {
    return point.refusal === null && this.decisions.of(point.number).state === "undecided";
  }

  /** Go to an edit point, to what is decided there or to its first candidate. */
  go(number) {
    if (number === this.state.values.number) return;
    const point = this.points.get(number);
    const decision = this.decisions.of(number);
    const takes = this.shown(point);
    let choice = takes[0]?.rank ?? 0;
    if (decision.state === "kept") choice = 0;
    if (decision.state === "chosen" && takes.some((take) => take.rank === decision.rank)) choice = decision.rank;
    this.state.set({ number, choice });
  }

  showPoint() {
    const { point } = this;
    if (!point) return;
    const { weights, number } = this.state.values;
    const takes = this.shown(point);
    this.pointList.mark(number, { focus: this.pointList.focused });
    this.takeList.show(point, takes, weights);
    this.takeList.decided(this.decisions.of(number));
    const hidden = point.takes.length - takes.length;
    at("takes-count").textContent = `${takes.length}${hidden ? ` of ${point.takes.length}` : ""}${isWeighed(weights) ? ", as weighed" : ""}`;
    at("takes-none").hidden = takes.length > 0;
    at("takes-none").textContent = point.refusal ?? (hidden ? "No candidate passes the filters." : "There is no candidate here.");
    at("note").value = this.decisions.of(number).note;
    at("refused-box").open = takes.length === 0 && point.takes.length === 0;
    const { choice } = this.state.values;
    if (!this.takeList.order.includes(choice)) this.state.set({ choice: this.takeList.order[1] ?? this.takeList.order[0] ?? 0 });
    else this.takeList.mark(choice);
  }

  showChoice() {
    const { point, take } = this;
    if (!point) return;
    const { choice } = this.state.values;
    this.takeList.mark(choice, { focus: this.takeList.focused });
    at("stage-out").textContent = point.outgoing;
    at("stage-in").textContent = take ? take.name : point.incoming ?? "";
    this.controls.problem(null);
    this.stage.show(point, choice, take, this.adjustments());
  }

  /** The adjustments of the selected candidate: saved ones where it is accepted, else those of this session. */
  adjustments() {
    const { take } = this;
    if (!take) return AS_PROPOSED;
    const { number } = this.state.values;
    const decision = this.decisions.of(number);
    if (decision.state === "chosen" && decision.rank === take.rank) return adjustmentsOf(decision);
    return this.drafts.of(number, take.rank);
  }

  staged({ status, words }) {
    if (status === "settled") {
      this.prefetch();
      return;
    }
    this.state.set({ status });
    const message = at("stage-message");
    message.textContent = status === "failed" ? words || "There is nothing to hear here." : "";
    message.hidden = status !== "failed";
    at("stage").setAttribute("aria-busy", String(status === "loading"));
    if (status === "ready") {
      const { current } = this.stage;
      this.player.choose(current.take ? this.state.values.player : "A");
      this.controls.show(current.take ? { ...current, methods: this.told.no_timeline ? [] : this.told.methods } : null);
      if (current.problem) this.controls.problem(current.problem);
      at("stage-join").textContent = joinWords(current);
    } else {
      if (status === "failed") this.controls.show(null);
      at("stage-join").textContent = status === "loading" ? "loading…" : "";
    }
    this.showPlaying();
  }

  prefetch() {
    const { point } = this;
    const { order } = this.takeList;
    const index = order.indexOf(this.state.values.choice);
    const soundOf = (rank) => {
      const take = point.takes.find((one) => one.rank === rank);
      return take ? [take.incoming.id, take.outgoing.id] : [];
    };
    const ids = order.slice(index + 1, index + 3).flatMap(soundOf);
    const next = this.pointBeside(1);
    const first = next && this.shown(next)[0];
    if (first) ids.push(first.outgoing.id, first.incoming.id);
    this.stage.prefetch([...new Set(ids)]);
  }

  showPlaying() {
    const plays = this.stage.plays;
    at("play").setAttribute("aria-label", plays ? "Pause" : "Play");
    at("play").querySelector("use").setAttribute("href", plays ? "#icon-pause" : "#icon-play");
    at("play").classList.toggle("on", plays);
  }

  showPlayer() {
    const { player } = this.state.values;
    for (const input of at("players").querySelectorAll("input")) input.checked = input.value === player;
    if (this.stage.current?.take) this.player.choose(player);
  }

  showDecide() {
    const { point, take } = this;
    if (!point) return;
    const { choice } = this.state.values;
    const decision = this.decisions.of(point.number);
    const refused = point.refusal !== null;
    const put = (id, on, text, disabled) => {
      at(id).textContent = text;
      at(id).classList.toggle("on", on);
      at(id).disabled = disabled;
    };
    const accepted = decision.state === "chosen" && decision.rank === choice;
    put("accept", accepted, accepted ? "Accepted" : "Accept", refused || !take);
    put("keep", decision.state === "kept", decision.state === "kept" ? "Kept" : "Keep present", refused);
    put("reject", decision.state === "rejected", decision.state === "rejected" ? "Rejected" : "Reject", refused);
    at("clear").disabled = decision.state === "undecided";
    at("undo").disabled = this.undos.length === 0;
    const simple = !take;
    for (const input of at("players").querySelectorAll("input")) input.disabled = simple;
    at("note").disabled = refused;
  }

  filterPoints() {
    const { search, source, hideSame } = this.state.values;
    const words = search.trim().toLowerCase();
    const visible = this.told.points.filter((point) => {
      if (!words && !source && !hideSame) return true;
      if (words && !source && pointMatches(point, words)) return true;
      return (!words && !source) || this.shown(point).length > 0;
    });
    const numbers = new Set(visible.map((point) => point.number));
    this.visible = numbers;
    this.pointList.only(numbers);
    if (numbers.size && !numbers.has(this.state.values.number)) this.go(visible[0].number);
    if (!numbers.size) announcer.say("Nothing is found.");
  }

  fillSources() {
    const paths = new Map();
    for (const point of this.told.points) {
      for (const take of point.takes) paths.set(take.path, (paths.get(take.path) ?? 0) + 1);
    }
    const sorted = [...paths].sort(([one], [other]) => fileName(one).localeCompare(fileName(other)));
    for (const [path, count] of sorted) {
      const option = new Option(`${fileName(path)} (${count})`, path);
      option.title = path;
      at("source").append(option);
    }
  }

  fillHead() {
    const bars = make("span", { class: "bars" }, ...REASONS.map(({ short, name, says }) => make("span", { class: "bar", text: short, title: `${name}: 1 means ${says}` })));
    at("takes-head").append(
      make("span", { class: "key", text: "" }),
      make("span", { class: "pair", text: "Out | in" }),
      make("span", { class: "name", text: "Name" }),
      make("span", { class: "why", text: "Why" }),
      make("span", { class: "tc", text: "Source time" }),
      make("span", { class: "number", text: "Similarity" }),
      bars,
      make("span", { class: "number rank", text: "Score" }),
      make("span", { class: "was", text: "" }),
      make("span", { class: "state", text: "" }),
    );
  }

  // Deciding.

  counts() {
    const counts = { chosen: 0, kept: 0, rejected: 0, undecided: 0 };
    for (const point of this.told.points) if (point.refusal === null) counts[this.decisions.of(point.number).state] += 1;
    return counts;
  }

  showProgress() {
    const { chosen, kept, rejected, undecided: open } = this.counts();
    const decided = chosen + kept + rejected;
    const bar = at("progress-bar");
    bar.max = Math.max(1, decided + open);
    bar.value = decided;
    at("progress-text").textContent = `${decided} of ${decided + open} decided`;
  }

  showSaving() {
    const { pending, failing } = this.decisions;
    let banner = this.ended ?? null;
    if (failing || (this.ended && pending)) banner = NO_ANSWER;
    announcer.banner(banner);
    const { path, note } = this.source.decisions;
    const saved = at("saved");
    saved.textContent = pending ? (failing ? `${pending} not saved` : "Saving…") : note || (path ? `Saved in ${path}` : "");
    saved.title = path ?? "";
  }

  /** Change the decision on an edit point as the editor asked. */
  decide(number, patch, words) {
    const before = this.decisions.of(number);
    const after = { ...before, ...patch };
    if (same(before, after)) {
      announcer.say(`Already so: ${words}`);
      return;
    }
    this.undos.push(number, before, after);
    this.decisions.change(number, after);
    announcer.say(`Edit point ${number}: ${words}`);
  }

  decided({ number, cause, words }) {
    const point = this.points.get(number);
    const decision = this.decisions.of(number);
    this.pointList.decided(point, decision);
    this.showProgress();
    this.state.set({ decided: this.state.values.decided + 1 });
    if (number === this.state.values.number) {
      this.takeList.decided(decision);
      if (document.activeElement !== at("note")) at("note").value = decision.note;
      if (cause !== "own") this.reheard();
    }
    if (cause === "back") announcer.say(`Edit point ${number}: not saved: ${words}`, { bad: true });
    if (cause === "back" && number === this.state.values.number) this.controls.problem(words);
    if (cause === "elsewhere") announcer.say(`Edit point ${number} was changed elsewhere: ${stateWords(decision)}`);
  }

  /** Hear the selected candidate as its decision says now. */
  async reheard() {
    const { current } = this.stage;
    if (!current?.take) return;
    const adjustments = this.adjustments();
    if (JSON.stringify(adjustments) === JSON.stringify(current.adjustments)) return;
    const refusal = await this.stage.adjust(adjustments).catch((error) => ({ reason: error.message, remedy: "" }));
    this.refused(refusal);
  }

  refused(refusal) {
    const words = refusal && [refusal.reason, refusal.remedy].filter(Boolean).join("; ");
    this.controls.problem(words);
    if (words) announcer.say(words, { bad: true });
    return Boolean(words);
  }

  async adjust(patch) {
    const { point, take } = this;
    const { current } = this.stage;
    if (!take || !current?.take) return;
    const adjustments = { ...current.adjustments, ...patch };
    let refusal;
    try {
      refusal = await this.stage.adjust(adjustments);
    } catch (error) {
      refusal = { reason: error.message, remedy: "" };
    }
    if (this.stage.current !== current) return;
    if (this.refused(refusal)) {
      this.controls.show({ ...current, methods: this.told.no_timeline ? [] : this.told.methods });
      return;
    }
    this.drafts.set(point.number, take.rank, adjustments);
    const decision = this.decisions.of(point.number);
    const said = adjustWords(patch, current);
    if (decision.state === "chosen" && decision.rank === take.rank) this.decide(point.number, adjustments, said);
    else announcer.say(said);
  }

  note(text) {
    const { point } = this;
    if (!point || this.decisions.of(point.number).note === text) return;
    this.decide(point.number, { note: text }, text ? "note written" : "note removed");
  }

  pointBeside(step, test = () => true) {
    const all = this.told.points.filter((point) => !this.visible || this.visible.has(point.number));
    const index = all.findIndex((point) => point.number === this.state.values.number);
    for (let i = index + step; i >= 0 && i < all.length; i += step) if (test(all[i])) return all[i];
    return null;
  }

  /** Go to an edit point even where the filters hide it. */
  jump(number) {
    if (this.visible && !this.visible.has(number)) {
      at("search").value = "";
      at("source").value = "";
      at("hide-same").checked = false;
      this.state.set({ search: "", source: "", hideSame: false });
    }
    this.go(number);
    this.state.flush();
  }

  async nextMethod() {
    const { current } = this.stage;
    if (!current?.take) return;
    if (this.told.no_timeline) {
      this.refused({ reason: this.told.no_timeline, remedy: "" });
      return;
    }
    let joins;
    try {
      joins = await this.stage.needJoins();
    } catch (error) {
      this.refused({ reason: error.message, remedy: "" });
      return;
    }
    if (this.stage.current !== current) return;
    const { methods } = this.told;
    const now = methods.indexOf(current.adjustments.method ?? current.take.meeting.method);
    for (let i = 1; i < methods.length; i += 1) {
      const method = methods[(now + i) % methods.length];
      const proposed = method === current.take.meeting.method;
      if (!proposed && (!joins?.[method] || joins[method].refusal)) continue;
      await this.adjust({ method: proposed ? null : method });
      return;
    }
    this.refused({ reason: "no other method can be cut here", remedy: "" });
  }

  async write() {
    if (this.writing) {
      this.writing.open();
      return;
    }
    try {
      await this.source.download();
      announcer.say("decisions.json is saved: hand it back to whoever sent this page.");
    } catch (error) {
      announcer.say(error.message, { bad: true });
    }
  }
}
