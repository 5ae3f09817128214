"""Reading what somebody else wrote: labels of a bounded size, CSV with one-line errors, paths that stay in a folder."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final, NamedTuple

from amc_otio.errors import AmcError, MediaError, one_line
from amc_otio.media.files import why_not_a_file

MAX_BYTES: Final = 64 << 20
"""The largest file of labels that is read: some 100 times a set of 3,000 clips."""
FORMAT: Final = "see docs/evaluation.md for the format"


class Line(NamedTuple):
    """A row of a CSV: its line in the file, and its values by column; those that are missing are empty."""

    number: int
    values: dict[str, str]


def read_text(path: Path) -> str:
    """Read a file of labels.

    Raises
    ------
    MediaError
        When it is no regular file, too large, or not UTF-8 (with or without a byte order mark).
    """
    reason = why_not_a_file(path)
    if reason:
        raise MediaError(path, f"cannot be read as labels: {reason}", FORMAT)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror})", "check the path and its permissions") from error
    if len(data) > MAX_BYTES:
        raise MediaError(path, f"is larger than {MAX_BYTES >> 20} MiB", "split the set")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MediaError(path, f"is not UTF-8 text (byte {error.start})", "save it as UTF-8 CSV") from error


def read_csv(path: Path, needed: tuple[str, ...]) -> list[Line]:
    """Read a CSV with a header: commas, or semicolons or tabs as some spreadsheets write.

    Raises
    ------
    MediaError
        When it cannot be read, a column of `needed` is missing or named twice, or a row does not fit its header.
    """
    text = read_text(path)
    first = text.split("\n", 1)[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[Line] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in needed if name not in header]
        if missing:
            raise MediaError(path, f"has no column '{missing[0]}'", FORMAT)
        twice = next((name for name in header if header.count(name) > 1), None)
        if twice is not None:
            raise MediaError(path, f"has two columns {quoted(twice)}", FORMAT)
        for row in reader:
            if not any(value.strip() for value in row):
                continue
            if len(row) > len(header):
                raise bad_line(path, reader.line_num, f"has {len(row)} fields where the header has {len(header)}")
            lines.append(Line(reader.line_num, dict.fromkeys(header, "") | dict(zip(header, row, strict=False))))
    except csv.Error as error:
        raise bad_line(path, reader.line_num, f"is not CSV ({error})") from error
    return lines


def bad_line(path: Path, number: int, reason: str, remedy: str = "mend the line, or take it out") -> AmcError:
    """Return the error of one line of a CSV."""
    return MediaError(path, f"line {number} {reason}", remedy)


def quoted(text: str) -> str:
    """Return text from a file as an error shows it: a long one must not push the rest of the line away."""
    return f"'{one_line(text, 80)}'"


def inside(folder: Path, name: str) -> Path:
    """Return the file called `name` in or below `folder`.

    Raises
    ------
    ValueError
        In words: it is absolute, it or a link on its way leads out of the folder, or it is no file.
    """
    if not name or "\0" in name:
        raise ValueError("names no file")
    # The link is followed before it is judged, so that none leads out.
    path = folder / name
    try:
        outside = Path(name).is_absolute() or not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
        raise ValueError(f"names {quoted(name)}, which cannot be followed ({one_line(error, 80)})") from error
    if outside:
        raise ValueError(f"names {quoted(name)}, which is not in the folder of the labels")
    reason = why_not_a_file(path)
    if reason:
        raise ValueError(f"names {quoted(name)}: {reason}")
    return path
