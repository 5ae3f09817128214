/** What the editor can do, by the names that keys.js gives it. */
import { otherTheme } from "./theme.js";

const PLAYERS = ["A", "B", "C"];
const PLAYER_NAMES = { A: "Plain cut", B: "Fixed crossfade", C: "Ours" };
const at = (id) => document.getElementById(id);

/**
 * @param {{session: Session, lists: Lists,
 *   hearing: Hearing, deciding: Deciding,
 *   help: {open: () => void}, write: () => void, say: (text: string, options?: {bad?: boolean}) => void}} parts
 * @returns {Record<string, (event?: KeyboardEvent) => void>}
 */
export function makeCommands({ session, lists, hearing, deciding, help, write, say }) {
  const { state } = session;
  const step = (by) => {
    if (lists.inPoints) {
      const beside = session.pointBeside(by);
      if (beside) session.go(beside.number);
      return;
    }
    const { order } = lists;
    const index = order.indexOf(state.values.choice) + by;
    if (index >= 0 && index < order.length) state.set({ choice: order[index] });
  };
  const walk = (by) => {
    const beside = session.pointBeside(by);
    if (beside) session.go(beside.number);
    else say(by > 0 ? "This is the last edit point." : "This is the first edit point.");
  };
  const player = (by) => {
    if (!session.take) return say("The present shot has one player: the plain cut.");
    const next = PLAYERS[(PLAYERS.indexOf(state.values.player) + by + 3) % 3];
    state.set({ player: next });
    return say(`${next}: ${PLAYER_NAMES[next]}`);
  };
  const open = (act) => () => {
    const { point } = session;
    if (!point) return;
    if (point.refusal !== null) say(`Edit point ${point.number} cannot be cut: ${point.refusal}`, { bad: true });
    else act(point);
  };
  return {
    togglePlay: () => hearing.toggle(),
    nextPlayer: () => player(1),
    previousPlayer: () => player(-1),
    nextChoice: () => step(1),
    previousChoice: () => step(-1),
    nextPoint: () => walk(1),
    previousPoint: () => walk(-1),
    choose: ({ key }) => {
      const takes = lists.order.filter((choice) => choice !== 0);
      const choice = takes[Number(key) - 1];
      if (choice !== undefined) state.set({ choice });
      else say(`There is no candidate ${key} here.`);
    },
    choosePresent: () => {
      if (lists.order.includes(0)) state.set({ choice: 0 });
    },
    nextUndecided: () => {
      const isOpen = (point) => session.isOpen(point);
      const next = session.pointBeside(1, isOpen) ?? session.visiblePoints().find(isOpen);
      if (next && next.number !== state.values.number) session.go(next.number);
      else say(next ? "This is the only undecided edit point left." : "Every edit point is decided.");
    },
    accept: open((point) => deciding.accept(point)),
    keep: open((point) => deciding.keep(point)),
    reject: open((point) => deciding.reject(point)),
    clear: open((point) => deciding.clear(point)),
    undo: () => deciding.undo(),
    nudgeEarlier: () => hearing.nudge(-1),
    nudgeLater: () => hearing.nudge(1),
    nudgeFarEarlier: () => hearing.nudge(-10),
    nudgeFarLater: () => hearing.nudge(10),
    fadeShorter: () => hearing.fade(-10),
    fadeLonger: () => hearing.fade(10),
    fadeMuchShorter: () => hearing.fade(-50),
    fadeMuchLonger: () => hearing.fade(50),
    nextLaw: () => hearing.nextLaw(),
    nextMethod: () => hearing.nextMethod(),
    reset: () => hearing.reset(),
    search: () => at("search").select(),
    weigh: () => state.set({ weighing: !state.values.weighing }),
    write,
    theme: () => {
      say(`${otherTheme() === "dark" ? "Dark" : "Light"} theme`);
      hearing.stage.redraw();
    },
    help: () => help.open(),
    escape: () => {
      if (state.values.weighing) state.set({ weighing: false });
      else if (state.values.search) state.set({ search: "" });
    },
  };
}
