"""A real engine plays a bounced timeline: the bounce's own samples, the sources' outside it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import ges
import numpy as np
import opentimelineio as otio
import pytest
from bounce_helpers import START_S, bounce_clips, make_edit, proposals_for, read_24, with_joins

from amc_otio.media.decode import decode
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.workflow import apply

EXACT = 1e-6
"""Full scale is 1; a step of 24 bits is 1.2e-7, and the engine mixes in float32."""


def expected(output: Path, length: int) -> tuple[np.ndarray, np.ndarray]:
    """What a timeline of enabled 48 kHz clips plays, samples laid from its start; and where a bounce plays."""
    timeline = otio.adapters.read_from_file(str(output))
    sound, bounced = np.zeros((2, length + ges.RATE)), np.zeros(length + ges.RATE, bool)
    for track in timeline.tracks:
        at = 0 * seconds(track.duration())
        for child in track:
            if isinstance(child, otio.schema.Transition):
                continue
            first, stop = round(at * ges.RATE), round((at + seconds(child.duration())) * ges.RATE)
            at += seconds(child.duration())
            if isinstance(child, otio.schema.Clip) and child.enabled:
                media = child.media_reference
                offset = seconds(child.source_range.start_time) - seconds(media.available_range.start_time)
                path = output.parent / media.target_url
                sound[:, first:stop] += decode(path, round(offset * ges.RATE), stop - first, sample_rate=ges.RATE)
                bounced[first:stop] |= "bounce" in dict(child.metadata.get("amc_otio", {}))
    return sound[:, :length], bounced[:length]


@pytest.mark.slow
@pytest.mark.ges
@pytest.mark.parametrize("slip", [0, 97])
@pytest.mark.parametrize("fps", [24.0, 25.0, 24000 / 1001, 30000 / 1001])
def test_the_engine_plays_the_bounce_sample_by_sample(fps: float, slip: int, tmp_path: Path) -> None:
    ges.need_ges()
    shots = make_edit(tmp_path, fps, form="absolute")
    joins = {"fade_before": 9_001, "fade_after": 7_003, "gain_db": 2.0, "glide": 5_000, "slip": slip}
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **joins)
    output = tmp_path / "new.otio"
    # The engine plays clips that are switched off (docs/bouncing.md), so gaps are left.
    (file,) = apply(shots.edit, proposals, output, bounce=True, mute="gap").bounces
    timeline = otio.adapters.read_from_file(str(output))
    rendered = ges.render(timeline, tmp_path, exact=True)
    wanted, bounced = expected(output, rendered.shape[1])
    # Within the bounce: its own samples.
    own = read_24(file.path)[:, file.plays_first_sample : file.plays_first_sample + file.plays_samples] / 2**23
    ((_, at),) = bounce_clips(timeline)
    first = round(at * ges.RATE)
    assert np.count_nonzero(bounced) == file.plays_samples
    # Where a frame is no whole number of samples (29.97) the engine starts a clip, also one that nobody touched, up to
    # a sample sooner or later than we count: at the bounce's ends too.
    lags = (0,) if (48_000 / fps).is_integer() or fps == 24000 / 1001 else (-1, 0, 1)
    inside = slice(len(lags) // 2, file.plays_samples - len(lags) // 2)
    assert np.abs(rendered[:, first : first + file.plays_samples] - own)[:, inside].max() < EXACT
    # Outside it: the clips that are left, and nothing of what is muted.
    near = np.zeros(rendered.shape[1], bool)
    for edge in (
        first,
        first + file.plays_samples,
        *(round(seconds(timeline.duration()) * n / 3 * ges.RATE) for n in (1, 2, 3)),
    ):
        near[max(0, edge - 3) : edge + 3] = True
    off = np.min([np.abs(rendered - np.roll(wanted, lag, axis=1)).max(axis=0) for lag in lags], axis=0)
    assert off[~near & ~bounced].max() < EXACT
    assert np.sqrt((rendered[:, ~bounced] ** 2).mean()) > 0.01
    assert file.time_reference > START_S // 2 * ges.RATE


@pytest.mark.slow
@pytest.mark.ges
@pytest.mark.parametrize("fps", [24.0, 30000 / 1001])
def test_the_engine_plays_the_bounce_in_its_own_format(fps: float, tmp_path: Path) -> None:
    """An .xges file as it is written: gaps where it plays, and a source clock that starts at 0."""
    ges.need_ges()
    shots = make_edit(tmp_path, fps, form="url")
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), fade_before=9_001, fade_after=7_003)
    (file,) = apply(shots.edit, proposals, tmp_path / "new.xges", bounce=True).bounces
    assert file.muted == "gap"
    rendered = ges.render_file(tmp_path / "new.xges", exact=True)
    own = read_24(file.path)[:, file.plays_first_sample : file.plays_first_sample + file.plays_samples] / 2**23
    start = round(START_S * round(fps) / exact_rate(fps) * ges.RATE)
    first = file.time_reference + file.plays_first_sample - start
    assert np.abs(rendered[:, first : first + file.plays_samples] - own).max() < EXACT
