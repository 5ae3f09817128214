"""Talking to an editor: windows where the edition has UIManager, the console elsewhere."""

import os
import time

from amc_otio_resolve import settings as choices

WINDOW = "org.amc-otio.matchcut"


class Console:
    """No windows: settings come from the file, words go to Workspace > Console."""

    def __init__(self):
        self._said = 0.0
        self._stop = None

    def ask(self, settings, title):
        """The settings as they are."""
        print(
            "{}: edit points '{}', gallery '{}', k {}, mode '{}'; settings: {}".format(
                title, settings["points"], settings["gallery"], settings["k"], settings["mode"], choices.settings_path()
            )
        )
        return settings

    def start(self, title, folder):
        """Say that something long starts, and how it is stopped."""
        self._stop = os.path.join(folder, "stop")
        print("{} … (to stop it, make a file {})".format(title, self._stop))

    def progress(self, text):
        """Say how far it is, every two seconds; False when it is to stop."""
        if text and time.time() - self._said > 2:
            self._said = time.time()
            print(text)
        return not (self._stop and os.path.exists(self._stop))

    def end(self):
        """Nothing to close."""

    def tell(self, title, lines):
        """Say a result or a problem."""
        print("\n".join(["{}:".format(title)] + ["  " + line for line in lines]))


class Windows:
    """A window to choose in, one for progress, one for results; the console hears the results too."""

    def __init__(self, ui, dispatcher):
        self.ui, self.dispatcher = ui, dispatcher
        self._window = None
        self._running = True

    def _row(self, text, widget):
        return self.ui.HGroup({"Weight": 0}, [self.ui.Label({"Text": text, "Weight": 0.4}), widget])

    def _open(self, title, size, elements):
        window = self.dispatcher.AddWindow(
            {"ID": WINDOW, "WindowTitle": title, "Geometry": [300, 200] + size, "Spacing": 8},
            [self.ui.VGroup({"ID": "root"}, elements)],
        )
        window.Show()
        return window

    def ask(self, settings, title):
        """Let an editor choose; None is cancelled."""
        ui, new = self.ui, dict(settings)
        lists = {
            "points": choices.POINTS,
            "marker_color": choices.COLORS,
            "gallery": choices.GALLERIES,
            "mode": choices.MODES,
        }
        window = self._open(
            title,
            [460, 320],
            [
                self._row("Edit points", ui.ComboBox({"ID": "points"})),
                self._row("Markers of colour", ui.ComboBox({"ID": "marker_color"})),
                self._row("Look for matches in", ui.ComboBox({"ID": "gallery"})),
                self._row("Bins, with commas", ui.LineEdit({"ID": "bins", "Text": ", ".join(settings["bins"])})),
                self._row(
                    "Candidates for each", ui.SpinBox({"ID": "k", "Minimum": 1, "Maximum": 100, "Value": settings["k"]})
                ),
                self._row("Mode", ui.ComboBox({"ID": "mode"})),
                self._row(
                    "Representation (empty: default)",
                    ui.LineEdit({"ID": "representation", "Text": settings["representation"]}),
                ),
                ui.HGroup(
                    {"Weight": 0}, [ui.Button({"ID": "go", "Text": title}), ui.Button({"ID": "no", "Text": "Cancel"})]
                ),
            ],
        )
        items, answer = window.GetItems(), []
        for key, texts in lists.items():
            for text in texts:
                items[key].AddItem(text)
            items[key].CurrentIndex = list(texts).index(settings[key])

        def go(event):
            for key, texts in lists.items():
                new[key] = texts[int(items[key].CurrentIndex)]
            new["bins"] = [name.strip() for name in items["bins"].Text.split(",") if name.strip()]
            new["k"], new["representation"] = int(items["k"].Value), items["representation"].Text.strip()
            answer.append(new)
            self.dispatcher.ExitLoop()

        def leave(event):
            self.dispatcher.ExitLoop()

        window.On["go"].Clicked, window.On["no"].Clicked, window.On[WINDOW].Close = go, leave, leave
        self.dispatcher.RunLoop()
        window.Hide()
        if not answer:
            return None
        choices.check(new)
        choices.save_settings(new)
        return new

    def start(self, title, folder):
        """Open the progress window."""
        self._running = True
        self._window = self._open(
            title,
            [420, 110],
            [self.ui.Label({"ID": "text", "Text": "starting …"}), self.ui.Button({"ID": "stop", "Text": "Stop"})],
        )

        def stop(event):
            self._running = False

        self._window.On["stop"].Clicked = stop
        self._window.On[WINDOW].Close = stop

    def progress(self, text):
        """Show how far it is, let the window breathe; False when it is to stop."""
        if text:
            self._window.GetItems()["text"].Text = text
        try:
            self.dispatcher.StepLoop()
        except KeyError:  # an event that nobody handles
            pass
        return self._running

    def end(self):
        """Close the progress window."""
        if self._window is not None:
            self._window.Hide()
            self._window = None

    def tell(self, title, lines):
        """Show a result or a problem."""
        Console().tell(title, lines)
        window = self._open(
            title,
            [520, 260],
            [
                self.ui.TextEdit({"ID": "said", "PlainText": "\n".join(lines), "ReadOnly": True}),
                self.ui.Button({"ID": "ok", "Text": "Close"}),
            ],
        )

        def leave(event):
            self.dispatcher.ExitLoop()

        window.On["ok"].Clicked = leave
        window.On[WINDOW].Close = leave
        self.dispatcher.RunLoop()
        window.Hide()


def talker(names):
    """Windows where this edition has them, else the console."""
    fusion, bmd = names.get("fusion") or names.get("fu"), names.get("bmd")
    ui = fusion.UIManager if fusion is not None and bmd is not None else None
    return Windows(ui, bmd.UIDispatcher(ui)) if ui else Console()
