"""Timecode, frames and seconds at every rate that editors use."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timelines import RationalTime, timeline

from amc_otio.errors import UsageError
from amc_otio.timeline.clock import drop_of
from amc_otio.timeline.rational import exact_rate
from amc_otio.timeline.timecode import RATES, can_drop, format_timecode, infer_drop, parse_time

DROP_RATES = [rate for rate in RATES.values() if can_drop(rate)]


def at(frames: int, rate: Fraction) -> RationalTime:
    return RationalTime(frames, float(rate))


@pytest.mark.parametrize("rate", RATES.values(), ids=RATES.keys())
@settings(deadline=None)
@given(frame=st.integers(0, 30 * 3600 * 100), drop=st.booleans(), hours=st.integers(0, 23))
def test_round_trip(rate: Fraction, frame: int, drop: bool, hours: int) -> None:
    drop = drop and can_drop(rate)
    start = at(hours * 3600 * round(rate), rate)
    text = format_timecode(at(frame + int(start.value), rate), rate, drop)
    assert (";" in text) == drop
    back = parse_time(text, rate, start=start)
    assert back.value == frame
    assert exact_rate(back.rate) == rate


@pytest.mark.parametrize("rate", RATES.values(), ids=RATES.keys())
@settings(deadline=None)
@given(frame=st.integers(0, 10**9))
def test_frames_round_trip(rate: Fraction, frame: int) -> None:
    assert parse_time(f"f{frame}", rate).value == frame
    assert parse_time(str(frame), rate).value == frame


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("00:01:00;02", "29.97", 1800),
        ("00:00:59;29", "29.97", 1799),
        ("00:10:00;00", "29.97", 17982),
        ("00:09:59;29", "29.97", 17981),
        ("01:00:00;00", "29.97", 107892),
        ("01;00;00;00", "29.97", 107892),
        ("23:59:59;29", "29.97", 2589407),
        ("01:00:00:00", "29.97", 108000),
        ("00:01:00;04", "59.94", 3600),
        ("01:00:00;00", "59.94", 215784),
        ("01:00:00:00", "23.976", 86400),
        ("01:00:00:00", "47.952", 172800),
        ("00:00:01:24", "25", 49),
        ("00:00:01:99", "100", 199),
    ],
)
def test_known_values(text: str, rate: str, frames: int) -> None:
    exact = RATES.get(rate, Fraction(rate))
    assert parse_time(text, exact).value == frames
    assert format_timecode(at(frames, exact), exact, ";" in text) == text.replace(";", ":", 2 if text[2] == ";" else 0)


@pytest.mark.parametrize("rate", [30000 / 1001, 60000 / 1001])
@settings(deadline=None)
@given(frame=st.integers(0, 2589407))
def test_drop_frame_agrees_with_otio(rate: float, frame: int) -> None:
    expected = otio.opentime.to_timecode(RationalTime(frame, rate), rate, drop_frame=True)
    assert format_timecode(RationalTime(frame, rate), exact_rate(rate), True) == expected


def test_timecode_counts_from_the_global_start() -> None:
    start = RationalTime(10 * 3600 * 25, 25)
    assert parse_time("10:00:05:00", Fraction(25), start=start).value == 125
    assert parse_time("125", Fraction(25), start=start).value == 125
    with pytest.raises(UsageError, match="before the timeline's start, 10:00:00:00"):
        parse_time("00:00:05:00", Fraction(25), start=start)


def test_seconds() -> None:
    assert parse_time("12.5s", Fraction(24)).value == 300
    assert parse_time(" 1 s ", Fraction(30000, 1001)).value == 30
    assert parse_time(".5s", Fraction(50)).value == 25


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1:2:3",
        "-5",
        "1.5",
        "00:00:60:00",
        "00:60:00:00",
        "00:00:00:25",
        "00:00:01;00",
        "nan",
        "infs",
        "1e5s",
        "٣٤",
        "00:00:01.12",
    ],
)
def test_bad_text_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, Fraction(25))
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=20), st.sampled_from([*RATES.values(), Fraction(25, 2), Fraction(48000)]))
def test_any_text_gives_a_time_or_a_usage_error(text: str, rate: Fraction) -> None:
    with contextlib.suppress(UsageError):
        assert parse_time(text, rate).value >= 0


def test_dropped_numbers_do_not_exist() -> None:
    rate = RATES["29.97"]
    for text in ("00:01:00;00", "00:01:00;01", "00:59:00;01"):
        with pytest.raises(UsageError, match="does not exist in drop-frame"):
            parse_time(text, rate)
    assert parse_time("00:10:00;01", rate).value == 17983


def test_a_timeline_known_to_be_drop_frame_reads_colons_as_drop_frame() -> None:
    rate = RATES["29.97"]
    start = RationalTime(107892, float(rate))
    assert infer_drop(rate, start) is True
    assert parse_time("01:00:05:00", rate, start=start, drop=infer_drop(rate, start)).value == 150
    assert infer_drop(rate, RationalTime(108000, 29.97)) is False
    assert infer_drop(rate, None) is None
    assert infer_drop(Fraction(25), start) is False


def test_the_counting_that_a_final_cut_xml_states() -> None:
    made = timeline(start=RationalTime(0, 29.97))
    assert drop_of(made, RATES["29.97"]) is None
    made.metadata["fcp_xml"] = {"timecode": {"displayformat": "DF"}}
    assert drop_of(made, RATES["29.97"]) is True


def test_rates_without_timecode_count_frames() -> None:
    rate = Fraction(25, 2)
    assert format_timecode(RationalTime(7, 12.5), rate) == "f7"
    assert parse_time("f7", rate).value == 7
    with pytest.raises(UsageError, match="no timecode"):
        parse_time("00:00:01:00", rate)
    with pytest.raises(UsageError, match="no drop-frame"):
        format_timecode(RationalTime(7, 25), Fraction(25), drop=True)


def test_times_off_the_grid_and_before_zero() -> None:
    assert format_timecode(RationalTime(48000, 48000), Fraction(25)) == "00:00:01:00"
    assert format_timecode(RationalTime(-25, 25), Fraction(25)) == "-00:00:01:00"
