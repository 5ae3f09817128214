"""Vectors of a set's clips, made the way that a user's sound goes: indexed into a library, read from its shards."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import LibraryError, MediaError, RepresentationError
from amc_otio.evaluation.clip_files import clip_paths, clip_samples, remove_clips, write_clip
from amc_otio.evaluation.judged import RepresentationSpec
from amc_otio.evaluation.records import LabelledSet
from amc_otio.library import Library, Searcher
from amc_otio.library.reports import Progress as Indexing
from amc_otio.media.windows import iter_windows
from amc_otio.representations.base import Representation

CLIPS_FOLDER: Final = "evaluation-clips"
"""Below a library's folder; it is there only while clips are embedded."""
_CHUNK: Final = 1024
_BATCH: Final = 64
_TRIES: Final = 4


@dataclass(frozen=True)
class Progress:
    """How far an evaluation is.

    Attributes
    ----------
    text
        What it is doing.
    done, total
        Clips, and all of them.
    eta_s
        Seconds left of this step by the speed so far; None while it is not known.
    """

    text: str
    done: int
    total: int
    eta_s: float | None = None


Tell = Callable[[Progress], None]
Judged = RepresentationSpec | Representation


@contextlib.contextmanager
def opened(folder: Path | None) -> Iterator[Library]:
    """Open the library in `folder`; None is one that is gone afterwards."""
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amc-otio-"))) / "library"
        yield stack.enter_context(Library.open(folder))


def embed_set(
    library: Library,
    labelled: LabelledSet,
    judged: Sequence[Judged],
    *,
    shift: bool = False,
    workers: int | None = None,
    progress: Tell | None = None,
) -> list[NDArray[np.float32]]:
    """Embed the clips of a set; a library that holds them already reads no sound.

    Parameters
    ----------
    library
        Where vectors are kept. Give an evaluation one of its own: its clips are no footage.
    labelled
        The set.
    judged
        Representations by name; or one's own objects, which are asked in this process and not kept.
    shift
        Roll each clip by its shift.
    workers
        Processes that embed; as `amc_otio.library.Library.index`.
    progress
        Told after each clip or job.

    Returns
    -------
    list of numpy.ndarray
        (clips, d) float32 of each of `judged`; a silent clip's vector is all zeros.

    Raises
    ------
    MediaError
        When a clip cannot be read: a figure without it would be another figure.
    RepresentationError, LibraryError, OutputError
        As the library.
    """
    if not judged:
        return []
    tell = progress or (lambda _: None)
    paths = clip_paths(labelled, shift, library.folder / CLIPS_FOLDER)
    specs = [spec for spec in judged if isinstance(spec, RepresentationSpec)]
    own = [one for one in judged if not isinstance(one, RepresentationSpec)]
    # Another evaluation may remove a clip that both were about to read; its vectors are there then, or the next
    # try writes it again.
    searchers = {spec.label: searcher_of(library, spec, paths) for spec in specs}
    failed: dict[Path, str] = {}
    for _ in range(_TRIES):
        asked = {label: set(searcher.missing) for label, searcher in searchers.items()}
        if not any(asked.values()):
            break
        failed = _fill(library, labelled, paths, specs, asked, shift, workers, tell)
        searchers = {spec.label: searcher_of(library, spec, paths) for spec in specs}
    for clip, path in zip(labelled.clips, paths, strict=True):
        if path in failed and any(path in searcher.missing for searcher in searchers.values()):
            raise MediaError(clip.path, f"cannot be embedded: {failed[path]}", "check the set")
    made = {spec.label: _vectors(searchers[spec.label], library, paths, spec) for spec in specs}
    made_own = iter(_embed_here(labelled, own, shift, tell))
    return [made[one.label] if isinstance(one, RepresentationSpec) else next(made_own) for one in judged]


def searcher_of(library: Library, spec: RepresentationSpec, paths: list[Path], kind: str = "exact") -> Searcher:
    """Return what searches the clips of `clip_paths` that are in a library."""
    return library.searcher(spec.name, paths=sorted(set(paths)), kind=kind, weights=spec.weights)


def _fill(
    library: Library,
    labelled: LabelledSet,
    paths: list[Path],
    specs: Sequence[RepresentationSpec],
    asked: dict[str, set[Path]],
    shift: bool,
    workers: int | None,
    tell: Tell,
) -> dict[Path, str]:
    """Write the clips that a representation lacks, a chunk at a time, and have them embedded; return what failed."""
    wanted: set[Path] = set().union(*asked.values())
    todo = list({path: clip for clip, path in zip(labelled.clips, paths, strict=True) if path in wanted}.items())
    whole = sum(len(lacking) for lacking in asked.values())
    clock = _Clock("embedding", whole, tell)
    folder = library.folder / CLIPS_FOLDER
    failed: dict[Path, str] = {}
    for first in range(0, len(todo), _CHUNK):
        chunk = todo[first : first + _CHUNK]
        try:
            for number, (path, clip) in enumerate(chunk, first + 1):
                write_clip(path, clip_samples(clip, shift))
                tell(Progress("reading clips", number, len(todo)))
            for spec in specs:
                lacking = [path for path, _ in chunk if path in asked[spec.label]]
                if not lacking:
                    continue
                report = library.index(
                    lacking, spec.name, weights=spec.weights, workers=workers, progress=clock.indexing(spec.label)
                )
                clock.before += len(lacking)
                failed |= dict(report.failed)
        finally:
            remove_clips([path for path, _ in chunk], folder)
    return failed


def _vectors(searcher: Searcher, library: Library, paths: list[Path], spec: RepresentationSpec) -> NDArray[np.float32]:
    """Return the vector of each path: clips that sound alike to the bit share one."""
    row_of = {searcher.window(row).content_key: row for row in range(len(searcher))}
    content_of = {source.path: source.content_key for source in library.catalogue.sources()}
    try:
        rows = [row_of[content_of[path]] for path in paths]
    except KeyError as error:
        wrong = f"lost clips of the set for {spec.label} while they were evaluated"
        raise LibraryError(library.folder, wrong, "evaluate again, and prune no library meanwhile") from error
    return searcher.vectors(rows)


def _embed_here(
    labelled: LabelledSet, own: Sequence[Representation], shift: bool, tell: Tell
) -> list[NDArray[np.float32]]:
    """Ask representations that no registry knows, on the same windows that a library would cut."""
    made = [np.zeros((len(labelled.clips), one.dimension), np.float32) for one in own]
    if not own:
        return made
    clock = _Clock("embedding", len(labelled.clips), tell)
    with tempfile.TemporaryDirectory(prefix="amc-otio-") as folder:
        paths = [Path(folder) / f"{place}.wav" for place in range(_BATCH)]
        for first in range(0, len(labelled.clips), _BATCH):
            chunk = list(zip(paths, labelled.clips[first : first + _BATCH], strict=False))
            for path, clip in chunk:
                path.unlink(missing_ok=True)
                write_clip(path, clip_samples(clip, shift))
            for matrix, one in zip(made, own, strict=True):
                windows = [next(iter_windows(path, one.sample_rate)).samples[0] for path, _ in chunk]
                vectors = np.asarray(one.embed(np.stack(windows)), np.float32)
                if vectors.shape != (len(chunk), one.dimension) or not np.isfinite(vectors).all():
                    wrong = f"its vectors are not finite and of shape (n, {one.dimension})"
                    raise RepresentationError(one.name, wrong, "see amc_otio.representations.base")
                matrix[first : first + len(chunk)] = vectors
            clock.tell(first + len(chunk))
    return made


class _Clock:
    """Progress over several indexing runs, as one."""

    def __init__(self, text: str, total: int, tell: Tell) -> None:
        self._text = text
        self._total = total
        self._tell = tell
        self._began = time.monotonic()
        self.before = 0

    def tell(self, done: int, what: str = "") -> None:
        """Say how far it is; the time left is by the clips done so far."""
        eta = (time.monotonic() - self._began) * (self._total - done) / done if done else None
        self._tell(Progress(f"{self._text} {what}".strip(), done, self._total, eta))

    def indexing(self, what: str) -> Callable[[Indexing], None]:
        """Return what an indexing run tells."""
        return lambda progress: self.tell(self.before + progress.done, what)
