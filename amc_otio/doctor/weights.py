"""What representations need: the bundled network, and the user's model folder."""

from __future__ import annotations

from amc_otio.doctor.finding import Finding
from amc_otio.errors import AmcError

_GROUP = "model"


def examine() -> list[Finding]:
    """Look at the weights."""
    return [_sfx(), _models()]


def _sfx() -> Finding:
    try:
        from amc_otio.representations import create

        create("sfx-match", threads=1)  # the network and its statistics
    except (AmcError, ImportError, OSError) as error:
        return Finding("sfx weights", "missing", f"does not load ({error})", "install amc-otio again", _GROUP)
    return Finding("sfx weights", "ok", "bundled, hash verified", group=_GROUP)


def _models() -> Finding:
    """The user's model folder: manifests are read, the models themselves are not (``models check`` does that)."""
    try:
        from amc_otio.representations.model_files import installed, model_folder
    except ImportError as error:
        return Finding("models", "missing", f"cannot be listed ({error})", "install amc-otio again", _GROUP)

    models, problems = installed()
    found = [f"{m.manifest.name} ({m.manifest.kind}; {m.manifest.licence})" for m in models]
    if problems:
        found += [f"{error.thing} {error.reason}" for error in problems]
        remedy = "amc-otio models remove NAME, then add its checkpoint again"
        return Finding("models", "missing", ", ".join(found), remedy, _GROUP)
    if not found:
        remedy = "clap and imagebind need one: 'amc-otio models' lists those to get; amc-otio models add FILE"
        return Finding("models", "optional", f"- (none in {model_folder()})", remedy, _GROUP)
    return Finding("models", "ok", ", ".join(found), group=_GROUP)
