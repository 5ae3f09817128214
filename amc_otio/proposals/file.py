"""Writing and reading the proposals file, and the JSON schema of what it holds."""

from __future__ import annotations

import json
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
    try:
        if path.exists() and not path.is_file():
            raise ProposalsError(path, "is not a regular file", "give the file that 'propose' wrote")
        if path.stat().st_size > MAX_BYTES:
            raise ProposalsError(path, "is too large for a proposals file", "propose again for fewer edit points")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProposalsError(
            path, f"cannot be read ({error.strerror})", "give the file that 'propose' wrote"
        ) from error
    except ValueError as error:
        raise _damaged(path) from error
    return parse_proposals(text, path)


def parse_proposals(text: str, name: Path | str) -> Proposals:
    """Read and check the text of a proposals file; `name` is what errors call it.

    Raises
    ------
    ProposalsError
    """
    try:
        value: Any = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(name) from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ProposalsError(name, "is no proposals file of amc-otio", "give the file that 'propose' wrote")
    if value.get("version") != VERSION:
        raise ProposalsError(name, f"is of version {value.get('version')!r}, this reads {VERSION}", "propose again")
    place = Path(name).name
    return check_proposals(decode(Proposals, value, place), place)


def proposals_text(proposals: Proposals) -> str:
    """The text of the file that `write_proposals` writes."""
    return json_text(encode(proposals))


def _damaged(name: Path | str) -> ProposalsError:
    return ProposalsError(name, "is not JSON, or damaged", "give the file that 'propose' wrote")


def proposals_schema() -> dict[str, Any]:
    """Return the JSON schema of the file (docs/proposals.schema.json)."""
    made = schema(Proposals)
    made["properties"]["format"] = {"const": FORMAT}
    made["properties"]["version"] = {"const": VERSION}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "amc-otio proposals file"}


def _no_constant(name: str) -> float:
    raise ValueError(name)
