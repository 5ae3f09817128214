"""Writing and reading the proposals file, and the JSON schema of what it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from amc_otio.codec import decode, encode, schema
from amc_otio.errors import ProposalsError
from amc_otio.proposals.check import check_proposals
from amc_otio.proposals.records import FORMAT, VERSION, Proposals
from amc_otio.timeline.write import json_text, write_json

MAX_BYTES: Final = 512 * 1024 * 1024


def write_proposals(proposals: Proposals, path: Path) -> None:
    """Write the file (temporary name, then rename).

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    write_json(path, encode(proposals))


def read_proposals(path: Path) -> Proposals:
    """Read and check a proposals file.

    Raises
    ------
    ProposalsError
        When it is missing, damaged, too large, or of another version.
    """
    return _checked(read_document(path, _KIND, MAX_BYTES), path.name)


def parse_proposals(text: str, name: Path | str) -> Proposals:
    """Read and check the text of a proposals file; `name` is what errors call it.

    Raises
    ------
    ProposalsError
    """
    return _checked(parse_document(text, name, _KIND), Path(name).name)


def proposals_text(proposals: Proposals) -> str:
    """The text of the file that `write_proposals` writes."""
    return json_text(encode(proposals))


@dataclass(frozen=True)
class Kind:
    """What one of our JSON files is.

    Attributes
    ----------
    name
        What it is called: "proposals" or "decisions".
    format, version
        What it must say of itself.
    remedy
        What to do where it is something else.
    again
        What to do where it is of another version.
    """

    name: str
    format: str
    version: int
    remedy: str
    again: str


_KIND: Final = Kind("proposals", FORMAT, VERSION, "give the file that 'propose' wrote", "propose again")


def read_document(path: Path, kind: Kind, most: int) -> dict[str, Any]:
    """Read one of our JSON files, of `most` bytes, as far as its format and version.

    Raises
    ------
    ProposalsError
        When it cannot be read as that.
    """
    try:
        if path.exists() and not path.is_file():
            raise ProposalsError(path, "is not a regular file", kind.remedy)
        if path.stat().st_size > most:
            raise ProposalsError(path, f"is too large for a {kind.name} file", "propose again for fewer edit points")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProposalsError(path, f"cannot be read ({error.strerror})", kind.remedy) from error
    except ValueError as error:
        raise _damaged(path, kind) from error
    return parse_document(text, path, kind)


def parse_document(text: str, name: Path | str, kind: Kind) -> dict[str, Any]:
    """Read the text of one of our JSON files as far as its format and version.

    Raises
    ------
    ProposalsError
    """
    try:
        value: Any = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(name, kind) from error
    if not isinstance(value, dict) or value.get("format") != kind.format:
        raise ProposalsError(name, f"is no {kind.name} file of amc-otio", kind.remedy)
    if value.get("version") != kind.version:
        raise ProposalsError(name, f"is of version {value.get('version')!r}, this reads {kind.version}", kind.again)
    return value


def _checked(value: dict[str, Any], name: str) -> Proposals:
    return check_proposals(decode(Proposals, value, name), name)


def _damaged(name: Path | str, kind: Kind) -> ProposalsError:
    return ProposalsError(name, "is not JSON, or damaged", kind.remedy)


def proposals_schema() -> dict[str, Any]:
    """Return the JSON schema of the file (docs/proposals.schema.json)."""
    made = schema(Proposals)
    made["properties"]["format"] = {"const": FORMAT}
    made["properties"]["version"] = {"const": VERSION}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "amc-otio proposals file"}


def _no_constant(name: str) -> float:
    raise ValueError(name)
