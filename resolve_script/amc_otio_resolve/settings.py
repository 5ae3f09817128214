"""Choices of an editor in a JSON file: the window's last ones, or written by hand where there is no window."""

import json
import os

from amc_otio_resolve.problems import Problem

DEFAULTS = {
    "points": "playhead",
    "marker_color": "Green",
    "gallery": "media pool",
    "bins": [],
    "k": 5,
    "mode": "replace",
    "representation": "",
    "result_color": "Sky",
    "folder": "",
}
POINTS = ("playhead", "range", "markers", "all")
GALLERIES = ("media pool", "bins", "selected", "timeline")
MODES = ("replace", "align", "insert")
COLORS = ("Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia") + (
    "Rose",
    "Lavender",
    "Sky",
    "Mint",
    "Lemon",
    "Sand",
    "Cocoa",
    "Cream",
)


def settings_path():
    """The file: AMC_OTIO_RESOLVE_SETTINGS, or amc-otio/resolve.json in the user's folder of settings."""
    given = os.environ.get("AMC_OTIO_RESOLVE_SETTINGS")
    if given:
        return given
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return os.path.join(base or os.path.join(os.path.expanduser("~"), ".config"), "amc-otio", "resolve.json")


def load_settings():
    """What is in the file over the defaults; a damaged file is said, not ignored."""
    path = settings_path()
    if not os.path.isfile(path):
        return dict(DEFAULTS)
    try:
        with open(path, encoding="utf-8-sig") as stream:
            said = json.load(stream)
        if not isinstance(said, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError) as error:
        raise Problem("{} cannot be read ({})".format(path, error), "mend it or delete it")
    settings = dict(DEFAULTS)
    for key, value in said.items():
        if key not in DEFAULTS or not isinstance(value, type(DEFAULTS[key])) or isinstance(value, bool):
            raise Problem("{}: '{}' is not a setting of that kind".format(path, key), "see docs/resolve.md")
        settings[key] = value
    return check(settings)


def check(settings):
    """Refuse choices that cannot be."""
    for key, known in (("points", POINTS), ("gallery", GALLERIES), ("mode", MODES)):
        if settings[key] not in known:
            raise Problem("'{}' is no choice for {}".format(settings[key], key), "choose from " + ", ".join(known))
    for key in ("marker_color", "result_color"):
        if settings[key] not in COLORS:
            raise Problem("Resolve has no marker colour '{}'".format(settings[key]), "choose from " + ", ".join(COLORS))
    if not 1 <= settings["k"] <= 1000:
        raise Problem("k is {}".format(settings["k"]), "give a number from 1 to 1000")
    return settings


def save_settings(settings):
    """Keep the choices; that it fails is no reason to stop."""
    path = settings_path()
    try:
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump(settings, stream, indent=1, sort_keys=True)
        os.replace(path + ".new", path)
    except OSError:
        pass


def work_folder(settings):
    """Where jobs and the library lie."""
    return settings["folder"] or os.path.join(os.path.expanduser("~"), "amc-otio")
