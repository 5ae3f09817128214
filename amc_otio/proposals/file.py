"""Writing and reading the proposals file, and the JSON schema of what it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from amc_otio.codec import decode, encode, schema
from amc_otio.errors import ProposalsError
from amc_otio.proposals.check import check_proposals
from amc_otio.proposals.records import FORMAT, VERSION, Proposals
from amc_otio.timeline.write import write_json

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
    value = read_document(path, "proposals", (FORMAT, VERSION), MAX_BYTES, "give the file that 'propose' wrote")
    return check_proposals(decode(Proposals, value, path.name), path.name)


def read_document(path: Path, kind: str, expected: tuple[str, int], most: int, remedy: str) -> dict[str, Any]:
    """Read one of our JSON files as far as its format and version.

    Parameters
    ----------
    kind
        What it is called: "proposals" or "decisions".
    expected
        The format and the version that it must be of.
    most
        Bytes that it may have at most.
    remedy
        What to do where it is something else.

    Raises
    ------
    ProposalsError
        When it cannot be read as that.
    """
    try:
        if path.exists() and not path.is_file():
            raise ProposalsError(path, "is not a regular file", remedy)
        if path.stat().st_size > most:
            raise ProposalsError(path, f"is too large for a {kind} file", "propose again for fewer edit points")
        value: Any = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise ProposalsError(path, f"cannot be read ({error.strerror})", remedy) from error
    except (ValueError, RecursionError) as error:
        raise ProposalsError(path, "is not JSON, or damaged", remedy) from error
    format_, version = expected
    if not isinstance(value, dict) or value.get("format") != format_:
        raise ProposalsError(path, f"is no {kind} file of amc-otio", remedy)
    if value.get("version") != version:
        again = "propose again" if kind == "proposals" else "decide again"
        raise ProposalsError(path, f"is of version {value.get('version')!r}, this reads {version}", again)
    return value


def proposals_schema() -> dict[str, Any]:
    """Return the JSON schema of the file (docs/proposals.schema.json)."""
    made = schema(Proposals)
    made["properties"]["format"] = {"const": FORMAT}
    made["properties"]["version"] = {"const": VERSION}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "amc-otio proposals file"}


def _no_constant(name: str) -> float:
    raise ValueError(name)
