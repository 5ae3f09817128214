/** What the editor can do, by the names that keys.js gives it. */
import { AS_PROPOSED } from "./adjust.js";
import { otherTheme } from "./theme.js";
import { stateWords } from "./words.js";

const PLAYERS = ["A", "B", "C"];
const PLAYER_NAMES = { A: "Plain cut", B: "Fixed crossfade", C: "Ours" };
const at = (id) => document.getElementById(id);

/**
 * @param {object} page the page (main.js)
 * @param {(text: string, options?: {bad?: boolean}) => void} say
 * @returns {Record<string, (event?: KeyboardEvent) => void>}
 */
export function makeCommands(page, say) {
  const { state, stage } = page;
  const step = (by) => {
    if (page.pointList.focused) {
      const beside = page.pointBeside(by);
      if (beside) page.go(beside.number);
      return;
    }
    const { order } = page.takeList;
    const index = order.indexOf(state.values.choice) + by;
    if (index >= 0 && index < order.length) state.set({ choice: order[index] });
  };
  const walk = (by) => {
    const beside = page.pointBeside(by);
    if (beside) page.go(beside.number);
    else say(by > 0 ? "This is the last edit point." : "This is the first edit point.");
  };
  const player = (by) => {
    if (!page.take) return say("The present shot has one player: the plain cut.");
    const next = PLAYERS[(PLAYERS.indexOf(state.values.player) + by + 3) % 3];
    state.set({ player: next });
    return say(`${next}: ${PLAYER_NAMES[next]}`);
  };
  const open = (act) => () => {
    const { point } = page;
    if (!point) return;
    if (point.refusal !== null) say(`Edit point ${point.number} cannot be cut: ${point.refusal}`, { bad: true });
    else act(point);
  };
  const plain = (name) => ({ ...AS_PROPOSED, state: name, rank: null });
  return {
    togglePlay: () => {
      if (state.values.status === "failed") say(at("stage-message").textContent, { bad: true });
      else stage.toggle();
      page.showPlaying();
    },
    nextPlayer: () => player(1),
    previousPlayer: () => player(-1),
    nextChoice: () => step(1),
    previousChoice: () => step(-1),
    nextPoint: () => walk(1),
    previousPoint: () => walk(-1),
    choose: ({ key }) => {
      const takes = page.takeList.order.filter((choice) => choice !== 0);
      const choice = takes[Number(key) - 1];
      if (choice !== undefined) state.set({ choice });
      else say(`There is no candidate ${key} here.`);
    },
    choosePresent: () => {
      if (page.takeList.order.includes(0)) state.set({ choice: 0 });
    },
    nextUndecided: () => {
      const visible = page.told.points.filter((point) => !page.visible || page.visible.has(point.number));
      const next = page.pointBeside(1, (point) => page.isOpen(point)) ?? visible.find((point) => page.isOpen(point));
      if (next && next.number !== state.values.number) page.go(next.number);
      else say(next ? "This is the only undecided edit point left." : "Every edit point is decided.");
    },
    accept: open((point) => {
      const { take } = page;
      if (!take) return say("This is the present shot: K keeps it.");
      const adjustments = page.stage.current?.take === take ? page.stage.current.adjustments : page.adjustments();
      return page.decide(point.number, { ...adjustments, state: "chosen", rank: take.rank }, `accepted ${take.name}`);
    }),
    keep: open((point) => page.decide(point.number, plain("kept"), "the present shot is kept")),
    reject: open((point) => page.decide(point.number, plain("rejected"), "rejected, no candidate will do")),
    clear: open((point) => page.decide(point.number, plain("undecided"), "undecided again")),
    undo: () => {
      const undone = page.undos.pop((number) => page.decisions.of(number));
      if (!undone) return say("There is nothing to undo.");
      if (!page.points.has(undone.number)) return undefined;
      page.jump(undone.number);
      state.set({ decided: state.values.decided + 1 });
      if (undone.refusal) return say(`Edit point ${undone.number}: ${undone.refusal}`, { bad: true });
      page.decisions.change(undone.number, undone.decision);
      const { decision } = undone;
      if (decision.state === "chosen") page.state.set({ choice: decision.rank });
      page.reheard();
      return say(`Undone. Edit point ${undone.number}: ${stateWords(decision)}`);
    },
    nudgeEarlier: () => page.controls.nudge(-1),
    nudgeLater: () => page.controls.nudge(1),
    nudgeFarEarlier: () => page.controls.nudge(-10),
    nudgeFarLater: () => page.controls.nudge(10),
    fadeShorter: () => page.controls.fade(-10),
    fadeLonger: () => page.controls.fade(10),
    fadeMuchShorter: () => page.controls.fade(-50),
    fadeMuchLonger: () => page.controls.fade(50),
    nextLaw: () => page.controls.nextLaw(),
    nextMethod: () => page.nextMethod(),
    reset: () => page.adjust({ ...AS_PROPOSED }),
    search: () => at("search").select(),
    weigh: () => state.set({ weighing: !state.values.weighing }),
    write: () => page.write(),
    theme: () => {
      say(`${otherTheme() === "dark" ? "Dark" : "Light"} theme`);
      stage.redraw();
    },
    help: () => page.help.open(),
    escape: () => {
      if (state.values.weighing) state.set({ weighing: false });
      else if (state.values.search) {
        at("search").value = "";
        state.set({ search: "" });
      }
    },
  };
}
