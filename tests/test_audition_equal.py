"""What an editor decides is one thing: heard on the page, previewed, and bounced into the new timeline alike."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import audition_helpers as helpers
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from amc_otio.audition.material import Material
from amc_otio.audition.packing import read_tensors
from amc_otio.audition.told import meeting_of
from amc_otio.cli import main
from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.render import blend
from amc_otio.proposals import Decision, decided, decisions_for
from amc_otio.proposals.decisions import write_decisions
from amc_otio.workflow import apply
from amc_otio.workflow.rejoining import rejoin_for

AROUND = ANALYSIS_RATE


def sound_of(material: Material, id_: str) -> tuple[NDArray[np.float32], int]:
    tensors, told = read_tensors(material.segment(id_))
    return tensors["samples"], int(told["first"])


@pytest.mark.parametrize("method", ["paper", "crossfade", None])
@pytest.mark.parametrize(
    ("nudge", "fade", "law"), [(2, Fraction(1, 10), "equal-gain"), (-3, Fraction(1, 5), "equal-power"), (1, None, None)]
)
def test_heard_previewed_and_bounced_alike(
    method: str | None, nudge: int, fade: Fraction | None, law: str | None, tmp_path: Path
) -> None:
    path = helpers.make_proposals(tmp_path)
    proposals = helpers.read(path)
    decisions = decisions_for(proposals, (Decision("A1:1", "chosen", 1, nudge, fade, law, method),))
    made, choices = decided(proposals, decisions, rejoin_for(proposals))
    assert choices == {1: 1}
    meeting = meeting_of(made.proposals[0].candidates[0])

    # As the page mixes it, from the server's sound and the adjusted meeting.
    material = Material(proposals)
    outgoing, out_first = sound_of(material, material.segments.outgoing(1, 1).id)
    incoming, in_first = sound_of(material, "1.1.in")
    at = meeting.out_at - out_first, meeting.in_at - in_first
    heard = blend(outgoing, incoming, *at, made.proposals[0].candidates[0].join.blend)
    heard = heard[:, at[0] - AROUND : at[0] + AROUND]

    bounce = apply(tmp_path / "edit.otio", proposals, tmp_path / "new.otio", decisions, bounce=True).bounces[0]
    bounced, rate = soundfile.read(bounce.path, dtype="float32", always_2d=True)
    assert rate == ANALYSIS_RATE
    bounced = bounced.T[:, bounce.point_sample - AROUND : bounce.point_sample + AROUND]
    np.testing.assert_allclose(bounced, heard, atol=1e-6)

    write_decisions(decisions, tmp_path / "d.json")
    command = ["preview", str(path), "-o", str(tmp_path / "wav"), "--decisions", str(tmp_path / "d.json"), "-q"]
    assert main(command) == 0
    previewed = soundfile.read(tmp_path / "wav" / "A1-1.1.after.wav", dtype="float32", always_2d=True)[0].T
    # A preview begins three seconds before the point, or with the shot.
    shot = proposals.proposals[0].point.outgoing
    used_from = round((shot.used_from - shot.media_start) * ANALYSIS_RATE)
    point = meeting.out_at - max(meeting.out_at - 3 * ANALYSIS_RATE, used_from)
    np.testing.assert_allclose(previewed[:, point - AROUND : point + AROUND], heard, atol=1e-6)
