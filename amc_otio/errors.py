"""Every error that amc-otio raises on purpose.

One root class; each message names the thing, the reason and what to do next, on one line. The command line
prints that line and exits with ``exit_code`` (docs/exit-codes in docs/commands.md lists them).
"""

from __future__ import annotations


class AmcError(Exception):
    """Root of all errors of amc-otio.

    Parameters
    ----------
    thing
        What could not be used: a path, an option, a name.
    reason
        Why, in words an editor understands.
    remedy
        What to do next.
    """

    exit_code = 1

    def __init__(self, thing: object, reason: str, remedy: str = "") -> None:
        self.thing = str(thing)
        self.reason = reason
        self.remedy = remedy
        parts = f"{self.thing}: {reason}" + (f"; {remedy}" if remedy else "")
        super().__init__(one_line(parts))


class UsageError(AmcError):
    """An option or a combination of options makes no sense."""

    exit_code = 2


class TimelineError(AmcError):
    """A timeline cannot be read, is damaged, or says something impossible."""

    exit_code = 3


class MediaError(AmcError):
    """A media file or a labelled set is missing, damaged, silent where sound is needed, or ambiguous."""

    exit_code = 4


class LibraryError(AmcError):
    """A library folder cannot be opened, read or written."""

    exit_code = 5


class RepresentationError(AmcError):
    """A representation is unknown or its weights are missing or damaged."""

    exit_code = 6


class NoMatchError(AmcError):
    """Nothing can be proposed: no edit point or no candidate is left."""

    exit_code = 7


class OutputError(AmcError):
    """A result cannot be written, or writing it would destroy something of the user's."""

    exit_code = 8


class ProposalsError(AmcError):
    """A proposals or decisions file is damaged, of another version, or of another timeline."""

    exit_code = 9


def one_line(text: object, limit: int = 2000) -> str:
    """Return `text` fit for one terminal line: control characters and newlines escaped, length bounded."""
    out = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))
    return out if len(out) <= limit else out[: limit - 1] + "…"
