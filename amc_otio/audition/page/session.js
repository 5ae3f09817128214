/** An editor's session: what the page was told, what is decided, what is selected; questions about them, no elements. */
import { adjustmentsOf, AS_PROPOSED, Drafts } from "./adjust.js";
import { Decisions } from "./decisions.js";
import { State } from "./state.js";
import { shownTakes } from "./takes.js";
import { Undo } from "./undo.js";
import { keptWeights } from "./weigh.js";

export class Session {
  /**
   * @param {object} source live or offline (source.js)
   * @param {object} told what the page lists
   */
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
    /** Numbers of the edit points that pass the filters; null: all do. */
    this.visible = null;
  }

  /** The selected edit point. */
  get point() {
    return this.points.get(this.state.values.number) ?? null;
  }

  /** The selected candidate; null on the present shot. */
  get take() {
    return this.point?.takes.find((take) => take.rank === this.state.values.choice) ?? null;
  }

  /** The candidates of an edit point that are listed, best first. */
  shown(point) {
    return shownTakes(point, this.state.values);
  }

  isOpen(point) {
    return point.refusal === null && this.decisions.of(point.number).state === "undecided";
  }

  /** The number of an edit point that is cut and changes the same shot; null where there is none. */
  rivalOf(point) {
    return point.excludes?.find((number) => this.decisions.of(number).state === "chosen") ?? null;
  }

  /** The adjustments of the selected candidate: saved ones where it is accepted, else those of this session. */
  adjustments() {
    const { point, take } = this;
    if (!take) return AS_PROPOSED;
    const decision = this.decisions.of(point.number);
    if (decision.state === "chosen" && decision.rank === take.rank) return adjustmentsOf(decision);
    return this.drafts.of(point.number, take.rank);
  }

  /** How many edit points are decided in which way. */
  counts() {
    const counts = { chosen: 0, kept: 0, rejected: 0, undecided: 0 };
    for (const point of this.told.points) if (point.refusal === null) counts[this.decisions.of(point.number).state] += 1;
    return counts;
  }

  visiblePoints() {
    return this.told.points.filter((point) => !this.visible || this.visible.has(point.number));
  }

  /** The next edit point that passes the filters and a test, `step` 1 or -1 away and on; null where there is none. */
  pointBeside(step, test = () => true) {
    const all = this.visiblePoints();
    const index = all.findIndex((point) => point.number === this.state.values.number);
    for (let i = index + step; i >= 0 && i < all.length; i += step) if (test(all[i])) return all[i];
    return null;
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

  /** Go to an edit point even where the filters hide it. */
  jump(number) {
    if (this.visible && !this.visible.has(number)) {
      this.visible = null;
      this.state.set({ search: "", source: "", hideSame: false });
    }
    this.go(number);
    this.state.flush();
  }
}
