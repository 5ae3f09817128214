"""What the page hears and draws: segments, their sound, matrices, joins, and the store before them."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_media import write_sound
from random_edits import bursts
from safetensors import safe_open
from safetensors.numpy import load

from amc_otio.audition.material import LANES, Material, facts_of
from amc_otio.audition.records import Meeting
from amc_otio.audition.segments import LONGEST, Facts, Segments
from amc_otio.audition.sound import mel_bytes
from amc_otio.audition.store import Busy, Lane, Store
from amc_otio.audition.told import meeting_of
from amc_otio.config import ANALYSIS_RATE, METHODS, Settings
from amc_otio.errors import MediaError
from amc_otio.joining.render import blend, to_channels
from amc_otio.preview import render_join
from amc_otio.proposals import Candidate, Proposal, Proposals
from amc_otio.workflow import Sources, propose


@pytest.fixture(scope="module")
def real(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Proposals:
    """Proposals for the bundled timeline."""
    wanted = {"match.representation": "mfcc", "match.k": 4, "match.max_level_step_lu": 0.0, "edit.short": "keep"}
    gallery = (examples / "sounds", examples / "media")
    sources = Sources(gallery=gallery, library=tmp_path_factory.mktemp("library"), workers=1)
    return propose(examples / "match_cut.otio", sources, settings=Settings().replace(wanted))


@pytest.fixture(scope="module")
def material(real: Proposals) -> Material:
    return Material(real)


def sound_of(material: Material, id_: str) -> tuple[np.ndarray, int]:
    """Samples of a segment, and the first one's place in the file."""
    data = material.segment(id_)
    return load(data)["samples"], int(metadata_of(data)["first"])


def metadata_of(data: bytes) -> dict[str, str]:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header["__metadata__"])


def test_the_page_hears_what_a_preview_renders(real: Proposals, material: Material) -> None:
    checked = 0
    for number, proposal in enumerate(real.proposals, 1):
        for candidate in proposal.candidates:
            check_heard(material, number, proposal, candidate)
            checked += 1
    assert checked >= 8


def check_heard(material: Material, number: int, proposal: Proposal, candidate: Candidate) -> None:
    # Mixing and mixing down are both sums: what is wider than stereo may be mixed down before or after.
    rendered = render_join(proposal, candidate)
    expected = to_channels(rendered, min(2, rendered.shape[0]))
    outgoing, out_first = sound_of(material, material.segments.outgoing(number, candidate.rank).id)
    incoming, in_first = sound_of(material, f"{number}.{candidate.rank}.in")
    meeting = meeting_of(candidate)
    assert outgoing.dtype == incoming.dtype == np.float32
    assert outgoing.shape[0] == incoming.shape[0] == expected.shape[0]
    shot = proposal.point.outgoing
    used_from = round((shot.used_from - shot.media_start) * ANALYSIS_RATE)
    first = min(max(meeting.out_at - 3 * ANALYSIS_RATE, used_from, 0), meeting.out_at - meeting.fade_before)
    at = meeting.out_at - out_first, meeting.in_at - in_first
    whole = blend(outgoing, incoming, *at, candidate.join.blend)[:, first - out_first :]
    # The decoders agree to the last bit on what is read without resampling, to 1e-5 elsewhere.
    np.testing.assert_allclose(whole[:, : expected.shape[1]], expected, atol=2e-5)
    assert whole.shape[1] >= expected.shape[1]


def test_mono_stays_mono_and_surround_becomes_stereo(shared_data: Path, tmp_path: Path) -> None:
    proposals = made_for(shared_data / "video" / "big_buck_bunny-480p-30s-5.1.mp4", tmp_path)
    material = Material(proposals)
    assert {material.segments[i].target for i in material.segments} == {2}
    assert sound_of(material, "1.out")[0].shape[0] == 2
    mono = made_for(shared_data / "video" / "tears_of_steel-2s.webm", tmp_path, length=1.5)
    material = Material(mono)
    number = next(n for n, p in enumerate(mono.proposals, 1) if p.candidates)
    for candidate in mono.proposals[number - 1].candidates:
        assert sound_of(material, f"{number}.{candidate.rank}.in")[0].shape[0] == 1
        check_heard(material, number, mono.proposals[number - 1], candidate)


def made_for(film: Path, folder: Path, length: float = 6.0, **wanted: object) -> Proposals:
    """Proposals for a timeline of the film's start and its second half."""
    import opentimelineio as otio

    from amc_otio.media.probe import probe

    info = probe(film)
    rate = float(info.frame_rate or 24)
    time = otio.opentime.RationalTime
    track = otio.schema.Track("A1", kind="Audio")
    total = int(float(info.duration) * rate)
    for start in (0, int(length * rate) // 2):
        track.append(
            otio.schema.Clip(
                film.stem,
                otio.schema.ExternalReference(str(film), otio.opentime.TimeRange(time(0, rate), time(total, rate))),
                otio.opentime.TimeRange(time(start, rate), time(int(length * rate) // 2, rate)),
            )
        )
    made = otio.schema.Timeline("edit")
    made.tracks.append(track)
    path = folder / f"{film.stem}.otio"
    made.to_json_file(str(path))
    sounds = folder / "sounds"
    sounds.mkdir(exist_ok=True)
    for seed in range(3):
        if not (sounds / f"{seed}.wav").exists():
            write_sound(sounds / f"{seed}.wav", bursts(8.0, 44_100, 1 + seed % 2, seed), 44_100, "WAV", "PCM_16")
    values = {"match.representation": "mfcc", "match.k": 3, "match.max_level_step_lu": 0.0, **wanted}
    sources = Sources(gallery=(sounds,), library=folder / "library", workers=1)
    return propose(path, sources, settings=Settings().replace(values))


def test_a_segment_begins_where_it_says_on_the_files_clock(real: Proposals, material: Material) -> None:
    from amc_otio.media.decode import decode

    for id_ in ("3.out", "3.present", "3.1.in"):
        segment = material.segments[id_]
        samples, first = sound_of(material, id_)
        assert first == segment.first == material.segments.stretch(id_).first
        assert samples.shape == (segment.target, segment.count)
        inside = max(first, 0) + ANALYSIS_RATE
        part = decode(Path(segment.path), inside, 4800, sample_rate=ANALYSIS_RATE, channels=segment.channels)
        part = to_channels(to_channels(part, segment.through), segment.target)
        np.testing.assert_allclose(samples[:, inside - first : inside - first + 4800], part, atol=2e-5)
        assert metadata_of(material.segment(id_)) == {"rate": "48000", "first": str(first), "mel_hop": "1024"}


def test_the_segments_hold_what_the_page_plays(real: Proposals) -> None:
    segments = Segments(real)
    for number, proposal in enumerate(real.proposals, 1):
        for candidate in proposal.candidates:
            meeting = meeting_of(candidate)
            out = segments.outgoing(number, candidate.rank)
            coming = segments[f"{number}.{candidate.rank}.in"]
            assert out.first <= meeting.out_at - 3 * ANALYSIS_RATE
            assert out.first + out.count >= meeting.out_at + 2 * ANALYSIS_RATE
            assert coming.first <= meeting.in_at - 2 * ANALYSIS_RATE
            assert coming.first + coming.count >= meeting.in_at + 7 * ANALYSIS_RATE // 2
            assert max(out.count, coming.count) <= LONGEST
        if proposal.candidates:
            assert f"{number}.present" in segments
    # All candidates of an edit point share its outgoing sound.
    assert not any(id_.endswith(".out") and id_.count(".") == 2 for id_ in segments)


def test_a_point_far_outside_the_window_has_an_outgoing_segment_of_its_own(real: Proposals) -> None:
    proposal = real.proposals[2]
    first = proposal.candidates[0]
    far = replace(first, join=replace(first.join, out_point=first.join.out_point + 9 * ANALYSIS_RATE))
    moved = replace(proposal, candidates=(far, *proposal.candidates[1:]))
    segments = Segments(replace(real, proposals=(moved,)))
    assert segments.outgoing(1, 1).id == "1.1.out"
    assert segments.outgoing(1, 2).id == "1.out"
    assert segments["1.1.out"].first == far.query_start + far.join.out_point - 3 * ANALYSIS_RATE
    assert all(segments[i].count <= LONGEST for i in segments)


def test_where_joins_are_looked_for_far_out_any_methods_point_is_held(real: Proposals) -> None:
    settings = real.settings.replace({"join.search_s": 4.0})
    segments = Segments(replace(real, settings=settings))
    for number, proposal in enumerate(real.proposals, 1):
        for candidate in proposal.candidates:
            out = segments[f"{number}.out"]
            reach = 4 * ANALYSIS_RATE
            assert out.first <= candidate.query_start - reach - 2 * ANALYSIS_RATE
            assert out.first + out.count >= candidate.query_start + ANALYSIS_RATE + reach
            assert max(segments[i].count for i in segments) <= LONGEST
            assert f"{number}.{candidate.rank}.out" not in segments


def test_what_is_offline_or_refused_has_no_segment(real: Proposals) -> None:
    one = real.proposals[2]
    offline = replace(one, point=replace(one.point, outgoing=replace(one.point.outgoing, path=None)))
    refused = replace(one, refusal="is silent", candidates=())
    alone = replace(one, point=replace(one.point, incoming=None))
    segments = Segments(replace(real, proposals=(offline, refused, alone)))
    assert {id_.split(".")[0] for id_ in segments} == {"3"}
    assert "3.present" not in segments


@pytest.mark.parametrize("id_", ["", "0.out", "1", "1.out/../../x", "99.1.in", "3.99.in", "../../etc/passwd", "3.1.IN"])
def test_what_no_table_holds_is_a_key_error(id_: str, material: Material) -> None:
    for ask in (material.segment, material.frame, material.video):
        with pytest.raises(KeyError):
            ask(id_)


@pytest.mark.parametrize(("number", "rank"), [(0, 1), (-1, 1), (99, 1), (3, 0), (3, 99)])
def test_numbers_that_name_nothing_are_a_key_error(number: int, rank: int, material: Material) -> None:
    for ask in (material.matrix, material.joins):
        with pytest.raises(KeyError):
            ask(number, rank)


def test_mel_is_in_decibels_below_the_loudest() -> None:
    t = np.arange(4 * ANALYSIS_RATE) / ANALYSIS_RATE
    tone = np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    tone[2 * ANALYSIS_RATE :] *= np.float32(0.01)
    mel = mel_bytes(np.stack([tone, tone]))
    assert mel.shape == (128, 1 + tone.size // 1024)
    assert mel.dtype == np.uint8
    early, late = mel[:, 40].max(), mel[:, 150].max()
    assert early >= 253
    # 40 dB down is half of 80.
    assert abs(int(early) - int(late) - 127.5) < 2
    assert not mel_bytes(np.zeros((1, 5000), np.float32)).any()


def test_the_matrix_is_that_in_which_max_ss_looks(examples: Path, tmp_path: Path, shared_data: Path) -> None:
    proposals = made_for(
        shared_data / "video" / "fillets-intro.mpg", tmp_path, 20.0, **{"join.method": "max-ss", "edit.short": "keep"}
    )
    material = Material(proposals)
    checked = 0
    for number, proposal in enumerate(proposals.proposals, 1):
        for candidate in proposal.candidates:
            data = material.matrix(number, candidate.rank)
            said, matrix = metadata_of(data), load(data)["matrix"]
            i, j = (int(n) for n in said["best"].split(","))
            assert matrix.shape == (47, 47)
            assert matrix[i, j] == 255
            assert said["hop"] == "1024"
            assert "sqrt" in said["scale"]
            assert int(said["out_first"]) == candidate.query_start
            assert int(said["in_first"]) == candidate.window_start
            # Handles leave this sound's whole window free: the paper's point is the join's own without the grid.
            if candidate.join.exact_out % 1024 == candidate.join.exact_in % 1024 == 0:
                checked += (1024 * i, 1024 * j) == (candidate.join.exact_out, candidate.join.exact_in)
    assert checked


def test_the_joins_of_every_method_are_told(real: Proposals, material: Material) -> None:
    number = next(n for n, p in enumerate(real.proposals, 1) if p.candidates)
    candidate = real.proposals[number - 1].candidates[0]
    joins = material.joins(number, candidate.rank)
    assert tuple(joins) == METHODS
    assert joins[candidate.join.method] == meeting_of(candidate)
    for method, meeting in joins.items():
        assert isinstance(meeting, Meeting)
        assert meeting.method == method
        out = material.segments.outgoing(number, candidate.rank)
        assert out.first <= meeting.out_at - meeting.fade_before
        assert meeting.out_at + meeting.fade_after <= out.first + out.count
    assert material.joins(number, candidate.rank) is joins


def test_media_that_is_gone_is_said_in_words(real: Proposals, tmp_path: Path) -> None:
    def gone(candidate: Candidate) -> Candidate:
        return replace(candidate, media=replace(candidate.media, path=str(tmp_path / "gone.wav")))

    proposals = replace(
        real, proposals=tuple(replace(p, candidates=tuple(map(gone, p.candidates))) for p in real.proposals)
    )
    material = Material(proposals)
    for ask in (lambda: material.segment("3.1.in"), lambda: material.matrix(3, 1), lambda: material.joins(3, 1)):
        with pytest.raises(MediaError, match=r"gone\.wav"):
            ask()
    assert material.segment("3.out")
    assert facts_of(str(tmp_path / "gone.wav")) == Facts(2, False)


def test_a_playlist_under_a_sounds_name_opens_nothing(real: Proposals, tmp_path: Path) -> None:
    hostile = tmp_path / "list.wav"
    hostile.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", encoding="ascii")
    one = real.proposals[2]
    candidate = replace(one.candidates[0], media=replace(one.candidates[0].media, path=str(hostile), has_picture=True))
    material = Material(replace(real, proposals=(replace(one, candidates=(candidate,)),)))
    for ask in (material.segment, material.frame, material.video):
        with pytest.raises(MediaError, match="playlist"):
            ask("1.1.in")


def test_a_file_of_too_many_channels_is_not_decoded(real: Proposals) -> None:
    one = real.proposals[2]
    candidate = replace(one.candidates[0], media=replace(one.candidates[0].media, channels=1000))
    material = Material(replace(real, proposals=(replace(one, candidates=(candidate,)),)))
    with pytest.raises(MediaError, match="has 1000 channels; map"):
        material.segment("1.1.in")


def test_the_safetensors_are_read_by_the_library_itself(material: Material, tmp_path: Path) -> None:
    (tmp_path / "s.safetensors").write_bytes(material.segment("3.out"))
    with safe_open(tmp_path / "s.safetensors", "np") as found:
        assert set(found.keys()) == {"samples", "mel"}
        assert found.metadata()["rate"] == "48000"


# ---------------------------------------------------------------- the store


def test_what_was_made_is_kept_and_the_oldest_use_goes_first() -> None:
    store = Store({"a": Lane(1, 4)}, limit=10)
    made: list[str] = []

    def ask(key: str, size: int = 4) -> bytes:
        return store.get("a", (key,), lambda: made.append(key) or key.encode() * size)

    ask("x"), ask("y"), ask("x"), ask("z"), ask("x"), ask("y")
    assert made == ["x", "y", "z", "y"]
    assert store.held <= 10
    ask("w", 11)
    assert store.held <= 10
    ask("w", 11)
    assert made.count("w") == 2


def test_two_threads_that_ask_for_one_thing_make_it_once() -> None:
    store = Store({"a": Lane(2, 4)})
    begun, go = threading.Event(), threading.Event()
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        begun.set()
        assert go.wait(30)
        return b"x"

    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(store.get("a", ("k",), make))) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert got == [b"x"] * 6
    assert made == [1]


def test_a_full_lane_says_so_and_other_lanes_go_on() -> None:
    store = Store({"slow": Lane(1, 2), "sound": Lane(1, 2)})
    begun, go = threading.Event(), threading.Event()

    def wait() -> bytes:
        begun.set()
        assert go.wait(30)
        return b"x"

    threads = [threading.Thread(target=lambda n=n: store.get("slow", (n,), wait)) for n in range(3)]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(store._traffic["slow"].waiting) < 2:
        pass
    with pytest.raises(Busy):
        store.get("slow", ("more",), wait)
    assert store.get("sound", ("s",), lambda: b"heard") == b"heard"
    go.set()
    for thread in threads:
        thread.join(30)
    assert store.get("slow", ("more",), lambda: b"y") == b"y"


def test_what_is_needed_later_waits_for_what_is_needed_now() -> None:
    store = Store({"a": Lane(1, 9)})
    begun, go = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> bytes:
        begun.set()
        assert go.wait(30)
        return b""

    threads = [threading.Thread(target=lambda: store.get("a", ("first",), first))]
    threads[0].start()
    assert begun.wait(30)
    for name, later in (("later", True), ("now", False)):
        threads.append(
            threading.Thread(
                target=lambda n=name, w=later: store.get("a", (n,), lambda: order.append(n) or b"", later=w)
            )
        )
        threads[-1].start()
        while len(store._traffic["a"].waiting) < len(threads) - 1:
            pass
    go.set()
    for thread in threads:
        thread.join(30)
    assert order == ["now", "later"]


def test_what_takes_long_makes_way_for_sound_that_is_wanted_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc_otio.audition.store.LONGEST_WAY_S", 60.0)
    store = Store({"film": Lane(1, 4), "sound": Lane(1, 4, first=True)})
    begun, step, hearing, go = (threading.Event() for _ in range(4))
    order: list[str] = []

    def film() -> bytes:
        begun.set()
        assert step.wait(30)
        store.make_way()
        order.append("film")
        return b"film"

    def sound() -> bytes:
        hearing.set()
        assert go.wait(30)
        order.append("sound")
        return b"sound"

    threads = [threading.Thread(target=lambda: store.get("film", ("f",), film))]
    threads[0].start()
    assert begun.wait(30)
    threads.append(threading.Thread(target=lambda: store.get("sound", ("s",), sound)))
    threads[1].start()
    assert hearing.wait(30)
    step.set()
    # Another film does not even begin.
    threads.append(threading.Thread(target=lambda: store.get("film", ("g",), lambda: order.append("next") or b"")))
    threads[2].start()
    go.set()
    for thread in threads:
        thread.join(30)
    assert order == ["sound", "film", "next"]
    store.make_way()  # nothing is wanted any more


def test_stills_and_films_make_way_between_their_steps(real: Proposals, monkeypatch: pytest.MonkeyPatch) -> None:
    store, steps = Store(LANES), []
    monkeypatch.setattr(store, "make_way", lambda: steps.append(1))
    material = Material(real, store=store)
    pictured = next(id_ for id_ in material.segments if material.segments[id_].has_picture)
    for ask in (material.video, material.frame):
        before = len(steps)
        ask(pictured)
        assert len(steps) > before + 1  # not only before the first


def test_nothing_makes_way_for_sound_that_is_needed_later_nor_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store({"film": Lane(1, 4), "sound": Lane(1, 4, first=True)})

    def sound() -> bytes:
        return store.get("film", ("f",), lambda: b"film")

    monkeypatch.setattr("amc_otio.audition.store.LONGEST_WAY_S", 1e6)
    assert store.get("sound", ("later",), sound, later=True) == b"film"
    monkeypatch.setattr("amc_otio.audition.store.LONGEST_WAY_S", 0.01)
    assert store.get("sound", ("now",), lambda: store.get("film", ("g",), lambda: b"film")) == b"film"


def test_what_failed_is_tried_again_and_holds_no_place() -> None:
    store = Store({"a": Lane(1, 0)})

    def fail() -> bytes:
        raise MediaError("x", "is gone")

    for _ in range(3):
        with pytest.raises(MediaError):
            store.get("a", ("k",), fail)
    assert store.get("a", ("k",), lambda: b"y") == b"y"


def test_sound_has_a_lane_of_its_own() -> None:
    assert LANES["sound"] == Lane(2, 32, first=True)
    assert not any(lane.first for name, lane in LANES.items() if name != "sound")
    assert LANES["pictures"].at_once == LANES["videos"].at_once == 1
