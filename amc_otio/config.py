"""Every default, once.

The command line, the config file ``amc.toml`` and the docs read the defaults here. A value comes, in this order,
from the command line, from the environment (`amc_otio.environment`), from the settings file, and from this module. The
settings file is ``--config FILE``, else ``AMC_CONFIG``, else ``amc.toml`` beside the timeline or in the working folder.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from amc_otio import environment
from amc_otio.errors import UsageError

ANALYSIS_RATE: Final = 48_000
"""Hz of the analysis clock on which every window and join is counted."""
LOUDEST: Final = 1e12
"""A sample above this is not sound; its power would leave the range of float32."""
WINDOW_S: Final = 1.0
"""Length of a window in seconds (paper, section 2.2)."""
MOST_GAIN_DB: Final = 24.0
"""No join turns a sound up or down by more, whatever limit is set."""
BOUNCE_RUN_S: Final = 0.25
"""Seconds that a bounce plays before its fade and after it, before the timeline's own clips go on."""
BOUNCE_HANDLE_S: Final = 1.0
"""Seconds that the file of a bounce holds on either side beyond what it plays, where its sources do."""
N_FFT: Final = 2048
"""STFT window of the paper's mel and MFCC, in samples at 48 kHz (section 2.2)."""
HOP: Final = 1024
"""STFT hop of the paper's mel and MFCC, in samples at 48 kHz (section 2.2)."""
N_MELS: Final = 128
"""Mel bands. The paper does not say; librosa's default."""

MODES: Final = ("replace", "align", "insert")
QUERIES: Final = ("before", "around", "after")
METHODS: Final = ("fitted", "paper", "max-ss-adaptive", "max-ss", "crossfade", "concatenate")
CONVENTIONS: Final = ("power", "magnitude", "db", "centred")
SEARCH_S: Final = 5.0
"""How far ``--search`` reaches when it does not say."""
PRINTED: Final = (8.0, "power")
"""Phi and spectral convention of equation (2) as the paper prints them."""
OFFSETS: Final = ("auto", "exact", "frames")
SHORT_SHOTS: Final = ("refuse", "keep")
INDEX_KINDS: Final = ("auto", "annoy", "exact")
PROJECTIONS: Final = ("auto", "linear", "mlp")
DEVICES: Final = ("auto", "cpu", "cuda")
MUTES: Final = ("auto", "off", "gap")
"""How what a bounce replaces is silenced: as the format allows, switched off, or by a gap (docs/bouncing.md)."""
PROTOCOLS: Final = ("paper", "hard", "cross", "full", "xfull")
"""Ways to judge a representation on a labelled set; `amc_otio.evaluation.protocols` says what each ranks."""
WEIGHED: Final = ("timbre", "pitch", "rhythm", "loudness")
"""What an editor may weigh beside the similarity (docs/ranking.md)."""


@dataclass(frozen=True)
class MatchSettings:
    """What counts as a match (section 2.1 and the editor's constraints)."""

    representation: str = "sfx-match"
    weights: str = ""
    """Weights of the representation, where it takes some; empty is its own."""
    k: int = 10
    query: str = "before"
    neighbourhood_s: float = 5.0
    """No window of the outgoing clip's own source nearer than this to the edit point."""
    same_source: bool = True
    """False leaves out every window of the outgoing clip's own source."""
    per_source: int = 1
    """How many windows of one source may be proposed; 0 is any number."""
    min_remaining_s: float = 0.5
    """Sound that a source must still hold after the in point: a shorter shot would be all crossfade."""
    max_level_step_lu: float = 12.0
    """Largest loudness jump that is still proposed, in LU; 0 is any."""
    silence_dbfs: float = -70.0
    """A window below this level is silent and is never a match."""
    near_duplicate: float = 0.25
    """Two matches at least this alike are compared as waveforms; the same recording is proposed once. Copies that
    begin half a second elsewhere are as little alike as 0.26; above 1 nothing is compared."""
    index: str = "auto"
    weigh_timbre: float = 0.0
    """What an agreement of 1 adds to the similarity in the ranking (docs/ranking.md). With all four at 0 the rank is
    the similarity alone, as in the paper."""
    weigh_pitch: float = 0.0
    weigh_rhythm: float = 0.0
    weigh_loudness: float = 0.0
    pool: int = 50
    """How many of the most similar windows are ranked again where something is weighed; each is read for it."""

    @property
    def weighs(self) -> bool:
        """Whether anything but the similarity counts in the ranking."""
        return any((self.weigh_timbre, self.weigh_pitch, self.weigh_rhythm, self.weigh_loudness))

    @property
    def weights_path(self) -> Path | None:
        """The weights file that was asked for; ``~`` is the home folder."""
        return Path(self.weights).expanduser() if self.weights else None


@dataclass(frozen=True)
class JoinSettings:
    """How two sounds are joined (section 2.4 and equation (2))."""

    method: str = "fitted"
    phi: float = 12.0
    """Of equation (2), for the method ``max-ss-adaptive``; ``paper`` has it as printed, 8 on power mel."""
    convention: str = "centred"
    """Spectra on which equation (2) is evaluated; those on which its length adapts (docs/joining.md)."""
    fade_s: float = 0.25
    """Length of a fixed crossfade, for the method ``crossfade``."""
    max_fade_s: float = WINDOW_S
    search_s: float = 0.0
    """How far before and after the two windows a point is looked for too, as far as clips and handles allow; 0 is in
    the windows alone, as in the paper."""
    max_gain_db: float = 0.0
    """Most that the incoming sound is turned up or down to match the outgoing one's level over the fade, in dB; 0
    matches no level."""


@dataclass(frozen=True)
class EditSettings:
    """What an edit means on the timeline (docs/editing.md)."""

    mode: str = "replace"
    ripple: bool = False
    audio_only: bool = False
    length_s: float = 2.0
    """Record length of an inserted shot, or of one appended at a track's end."""
    short: str = "refuse"
    """A shot shorter than the record length: ``refuse`` it, or ``keep`` the present shot's rest behind it."""
    offsets: str = "auto"
    min_frames: int = 2
    """The shortest clip that an edit may leave, in frames."""


@dataclass(frozen=True)
class LibrarySettings:
    """Where the library lies, when no ``--library`` says so."""

    folder: str = ""
    """A place for a whole house, say; empty is ``.amc`` beside the timeline. ``~`` is the home folder."""

    def beside(self, folder: Path) -> Path:
        """The library's folder for a timeline in `folder`."""
        return Path(self.folder).expanduser() if self.folder else folder / ".amc"


@dataclass(frozen=True)
class TrainSettings:
    """Split-and-Contrast (section 2.3); the paper's values where it gives them (docs/training.md)."""

    encoder: str = "sfx"
    """The representation that is adapted; it is frozen. The paper's is ``clap``."""
    frames: int = 10
    """Windows of one second in a sample, n in the paper. Fewer make short sources usable."""
    stride: int = 0
    """Windows from the start of one sample of a source to the next; 0 is ``frames``: no window is in two samples."""
    max_samples: int = 200_000
    """A random subset of so many samples; 0 is all there are."""
    batch: int = 2048
    """Samples in a batch, N in the paper, at most: the batches of an epoch are of equal size."""
    epochs: int = 20
    lr: float = 1e-4
    """Learning rate of Adam."""
    temperature: float = 0.1
    seed: int = 0
    projection: str = "auto"
    """What is trained: ``auto`` is the encoder's own projection where it has one (CLAP), else ``mlp``, a residual
    Linear-ReLU-Linear; ``linear`` is one layer. All of them begin as the encoder itself."""
    hidden: int = 0
    """Width of the MLP's hidden layer; 0 is that of the features."""
    validation: float = 0.1
    """Part of the sources that is held back to watch the loss on; 0 is none."""
    patience: int = 0
    """Stop when the validation loss has not fallen for so many epochs, and keep the best; 0 never stops early."""
    silence_dbfs: float = -70.0
    """A window below this level is silent: no sample reaches over it."""
    min_sound_s: float = 0.5
    """A window with less sound than this, the rest being padding, is in no sample."""
    checkpoint_every: int = 20
    """Steps between two checkpoints; the end of an epoch has one in any case."""
    memory_gb: float = 4.0
    """Features that need more memory than this are kept in a file and mapped."""
    device: str = "auto"
    """``auto`` is CUDA where there is one."""


S = TypeVar("S", bound="Settings")


@dataclass(frozen=True)
class Settings:
    """All settings of a run on a timeline; a proposals file holds them."""

    match: MatchSettings = field(default_factory=MatchSettings)
    join: JoinSettings = field(default_factory=JoinSettings)
    edit: EditSettings = field(default_factory=EditSettings)
    library: LibrarySettings = field(default_factory=LibrarySettings)

    def replace(self: S, values: Mapping[str, Any]) -> S:
        """Return a copy with ``{"match.k": 5, ...}`` put in; ``None`` values are passed over."""
        grouped: dict[str, dict[str, Any]] = {}
        for key, value in values.items():
            section, _, name = key.partition(".")
            if value is not None:
                grouped.setdefault(section, {})[name] = value
        return check(_merged(self, grouped, "option"))


@dataclass(frozen=True)
class AllSettings(Settings):
    """What ``amc.toml`` may say: besides the settings of a run on a timeline, those of commands that have none."""

    train: TrainSettings = field(default_factory=TrainSettings)


CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "match.query": QUERIES,
    "match.index": INDEX_KINDS,
    "join.method": METHODS,
    "join.convention": CONVENTIONS,
    "edit.mode": MODES,
    "edit.short": SHORT_SHOTS,
    "edit.offsets": OFFSETS,
    "train.projection": PROJECTIONS,
    "train.device": DEVICES,
}
# Lowest and highest value that makes sense.
_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "match.k": (1, 1000),
    "match.neighbourhood_s": (0, 1e6),
    "match.per_source": (0, 1000),
    "match.min_remaining_s": (0, 3600),
    "match.max_level_step_lu": (0, 200),
    "match.silence_dbfs": (-200, 0),
    "match.near_duplicate": (0, 1.01),
    "match.weigh_timbre": (0, 10),
    "match.weigh_pitch": (0, 10),
    "match.weigh_rhythm": (0, 10),
    "match.weigh_loudness": (0, 10),
    "match.pool": (1, 10_000),
    "join.phi": (1e-6, 1e6),
    "join.fade_s": (0, 10),
    "join.max_fade_s": (0, 10),
    "join.search_s": (0, 60),
    "join.max_gain_db": (0, MOST_GAIN_DB),
    "edit.length_s": (0.02, 3600),
    "edit.min_frames": (1, 1000),
    "train.frames": (2, 1000),
    "train.stride": (0, 1000),
    "train.max_samples": (0, 10**9),
    "train.batch": (2, 10**6),
    "train.epochs": (1, 10_000),
    "train.lr": (1e-9, 10),
    # Up to exp(1 / 0.025) the sums of equation (1) stay in the range of float32 without a shift.
    "train.temperature": (0.025, 100),
    "train.seed": (0, 2**63 - 1),
    "train.hidden": (0, 65_536),
    "train.validation": (0, 0.9),
    "train.patience": (0, 10_000),
    "train.silence_dbfs": (-200, 0),
    "train.min_sound_s": (0, WINDOW_S),
    "train.checkpoint_every": (1, 10**6),
    "train.memory_gb": (0, 10_000),
}


def _merged(settings: S, values: Mapping[str, Any], origin: str) -> S:
    sections: dict[str, Any] = {}
    for section, given in values.items():
        current = (
            getattr(settings, section, None) if section in {f.name for f in dataclasses.fields(settings)} else None
        )
        if current is None or not isinstance(given, Mapping):
            known = ", ".join(f"[{f.name}]" for f in dataclasses.fields(settings))
            raise UsageError(origin, f"'{section}' is no section of settings", f"known are {known}")
        hints = get_type_hints(type(current))
        checked: dict[str, Any] = {}
        for name, value in given.items():
            if name not in hints:
                raise UsageError(origin, f"'{section}.{name}' is no setting", f"known are {', '.join(hints)}")
            checked[name] = _typed(hints[name], value, f"{section}.{name}", origin)
        sections[section] = dataclasses.replace(current, **checked)
    return dataclasses.replace(settings, **sections)


_KINDS: Final[dict[type, str]] = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _typed(kind: type, value: Any, name: str, origin: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        wanted = _KINDS.get(kind, kind.__name__)
        raise UsageError(origin, f"'{name}' must be {wanted}, not {value!r}", "mend it or leave it out")
    return value


def check(settings: S) -> S:
    """Return `settings` unchanged, or raise `UsageError` naming the first value that makes no sense."""
    for key, allowed in CHOICES.items():
        section, name = key.split(".")
        if not hasattr(settings, section):
            continue
        value = getattr(getattr(settings, section), name)
        if value not in allowed:
            raise UsageError(key, f"'{value}' is not known", f"choose one of {', '.join(allowed)}")
    for key, (low, high) in _BOUNDS.items():
        section, name = key.split(".")
        if not hasattr(settings, section):
            continue
        value = getattr(getattr(settings, section), name)
        if not low <= value <= high:
            raise UsageError(key, f"{value} is out of range", f"give a number from {low:g} to {high:g}")
    return settings


def load(path: Path | None = None, beside: Path | None = None) -> Settings:
    """Read the settings of a run on a timeline: `load_all` without the sections of other commands."""
    found = load_all(path, beside)
    return Settings(**{f.name: getattr(found, f.name) for f in dataclasses.fields(Settings)})


def load_all(path: Path | None = None, beside: Path | None = None) -> AllSettings:
    """Read settings from a TOML file, and put in what the environment says.

    Parameters
    ----------
    path
        The file named by the user; it must exist. None is that of ``AMC_CONFIG``, which must exist too.
    beside
        A folder in which ``amc.toml`` is looked for before the working folder.

    Raises
    ------
    UsageError
        When the file cannot be read or holds something unknown.
    """
    found = _read(path or environment.path("AMC_CONFIG") or _found(beside))
    library = environment.value("AMC_LIBRARY")
    return found if library is None else dataclasses.replace(found, library=LibrarySettings(library))


def _found(beside: Path | None) -> Path | None:
    for folder in (beside, Path.cwd()):
        if folder is not None and (folder / "amc.toml").is_file():
            return folder / "amc.toml"
    return None


def _read(path: Path | None) -> AllSettings:
    if path is None:
        return AllSettings()
    if path.exists() and not path.is_file():
        raise UsageError(path, "is not a regular file", "give a TOML file with --config or AMC_CONFIG")
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            path, f"cannot be read ({error.strerror})", "give a TOML file with --config or AMC_CONFIG"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(path, f"is not TOML ({error})", "mend it or leave it out") from error
    merged = _merged(AllSettings(), values, str(path))
    try:
        return check(merged)
    except UsageError as error:
        raise UsageError(path, f"{error.thing}: {error.reason}", error.remedy) from error
