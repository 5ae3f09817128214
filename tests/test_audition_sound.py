"""The page's sound in a real Chromium: joins as Python makes them, players without gaps, drawings of the join."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import serve_folder, watch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc_otio.audition.records import Meeting
from amc_otio.codec import encode
from amc_otio.errors import ProposalsError
from amc_otio.joining.fades import Blend, Room, gains, level_envelope, place
from amc_otio.joining.join import Join
from amc_otio.joining.render import blend, to_channels
from amc_otio.proposals.decided import changed
from amc_otio.proposals.decisions import Decision
from amc_otio.proposals.records import Candidate, MediaRecord, Scores

PAGE = Path(__file__).resolve().parent.parent / "amc_otio" / "audition" / "page"
RATES = [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(50)]
SLOW = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve_folder(PAGE) as url:
        yield url


@pytest.fixture
def page(context: Any, address: str) -> Any:
    """An empty page from which the page's modules can be imported."""
    context.route(
        address + "/",
        lambda route: route.fulfill(body="<!doctype html><title>t</title>", content_type="text/html"),
    )
    opened = context.new_page()
    opened.goto(address + "/")
    return opened


ROOMS = st.builds(Room, *[st.integers(0, 200_000)] * 4) | st.builds(Room, *[st.integers(0, 3000)] * 4)


@st.composite
def adjustments(draw: st.DrawFn) -> dict[str, Any]:
    """A candidate's join as it may be, and changes that may or may not be carried out."""
    rate = draw(st.sampled_from(RATES))
    room = draw(ROOMS)
    sides = [st.integers(0, min(side, 30_000)) for side in (room.before, room.after)]
    frames = draw(st.none() | st.integers(1, 200))
    fraction = st.fractions(0, 10, max_denominator=48_000)
    sixteenths = st.integers(0, 64).map(lambda n: Fraction(n, 16))
    return {
        "rate": rate,
        "room": room,
        "out_at": draw(st.integers(0, 10**9)),
        "in_at": draw(st.integers(0, 10**9)),
        "fade": (draw(sides[0]), draw(sides[1])),
        "law": draw(st.sampled_from(["equal-power", "equal-gain"])),
        "gain_db": draw(st.floats(-12, 12)),
        "glide": draw(st.integers(0, 100_000)),
        "slip": draw(st.just(0) | st.integers(-200, 200)),
        "length": None if frames is None else frames / rate,
        "nudge": draw(st.just(0) | st.integers(-6, 6) | st.integers(-300, 300)),
        "fade_length": draw(st.none() | fraction | sixteenths | st.fractions(0, 1, max_denominator=200)),
        "fade_law": draw(st.none() | st.sampled_from(["equal-power", "equal-gain"])),
    }


def candidate_of(one: dict[str, Any]) -> Candidate:
    """The Python side's record of an adjustment's join."""
    media = MediaRecord("a.wav", "a.wav", "a", Fraction(0), Fraction(10), Fraction(24), False, 2)
    join = Join(
        "fitted",
        one["out_at"],
        one["in_at"],
        one["out_at"],
        one["in_at"],
        *one["fade"],
        one["law"],
        one["slip"],
        one["gain_db"],
        one["glide"],
        None,
        (),
        0.0,
        0.0,
    )
    scores = Scores(*[0.5] * 9, 0, 0)
    zero = Fraction(0)
    return Candidate(1, media, 0, 0, 0, join, zero, zero, zero, one["length"], one["room"], scores, ())


def meeting_of(candidate: Candidate) -> dict[str, Any]:
    """What the page is told of a candidate's join."""
    join, length = candidate.join, candidate.length
    return encode(
        Meeting(
            join.method,
            join.out_point,
            join.in_point,
            join.fade_before,
            join.fade_after,
            join.fade_law,
            join.gain_db,
            join.glide,
            join.slip,
            candidate.room,
            None if length is None else round(length * 48000),
            (0.0, 0.0),
        )
    )


@SLOW
@given(batch=st.lists(adjustments(), min_size=60, max_size=60))
def test_an_adjusted_join_is_the_one_that_is_cut_and_refusals_agree_word_by_word(
    page: Any, batch: list[dict[str, Any]]
):
    asked, wanted = [], []
    for one in batch:
        candidate = candidate_of(one)
        decision = Decision("p", "chosen", 1, one["nudge"], one["fade_length"], one["fade_law"])
        asked.append([meeting_of(candidate), encode(decision), encode(one["rate"])])
        try:
            wanted.append({"meeting": meeting_of(changed(candidate, decision, one["rate"]))})
        except ProposalsError as error:
            wanted.append({"refusal": {"reason": error.reason, "remedy": error.remedy}})
    found = page.evaluate(
        """async (cases) => {
          const { adjusted } = await import("/meeting.js");
          return cases.map((one) => adjusted(...one));
        }""",
        asked,
    )
    for mine, theirs in zip(found, wanted, strict=True):
        # The page knows the shot's length to the sample, the cut knows it exactly.
        for each in (mine, theirs):
            if "meeting" in each and each["meeting"]["length"] is not None:
                each["length"] = each["meeting"].pop("length")
        assert mine.pop("length", 0) == pytest.approx(theirs.pop("length", 0), abs=1)
        assert mine == theirs


RARE: dict[str, Any] = {
    "rate": Fraction(24000, 1001),
    "room": Room(90_000, 90_000, 90_000, 90_000),
    "out_at": 500_000,
    "in_at": 400_000,
    "fade": (80_000, 3000),
    "law": "equal-power",
    "gain_db": 0.0,
    "glide": 0,
    "slip": 0,
    "length": Fraction(20 * 1001, 24000),
    "nudge": 0,
    "fade_length": None,
    "fade_law": None,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nudge": 20}, "nothing of the shot would be left by such a nudge"),
        ({"nudge": -6}, "its fade of 1.729 s has no room there any more"),
        # Exactly between two printed digits.
        ({"room": Room(3000, 9000, 0, 0), "fade_length": Fraction(1, 16)}, "a fade of 0.062 s does not fit"),
    ],
)
def test_rare_refusals_agree_word_by_word(page: Any, change: dict[str, Any], words: str):
    one = RARE | change
    candidate = candidate_of(one)
    decision = Decision("p", "chosen", 1, one["nudge"], one["fade_length"], one["fade_law"])
    with pytest.raises(ProposalsError, match=words) as refused:
        changed(candidate, decision, one["rate"])
    asked = [meeting_of(candidate), encode(decision), encode(one["rate"])]
    found = page.evaluate("async (asked) => (await import('/meeting.js')).adjusted(...asked)", asked)
    assert found == {"refusal": {"reason": refused.value.reason, "remedy": refused.value.remedy}}


@SLOW
@given(batch=st.lists(adjustments(), min_size=30, max_size=30))
def test_the_limits_are_the_last_that_can_be_carried_out(page: Any, batch: list[dict[str, Any]]):
    asked = [[meeting_of(candidate_of(one)), encode(one["rate"])] for one in batch]
    found = page.evaluate(
        """async (cases) => {
          const { adjusted, limits } = await import("/meeting.js");
          return cases.map(([meeting, rate]) => {
            const { nudge, longestFade } = limits(meeting, rate);
            const can = (decision) => "meeting" in adjusted(meeting, decision, rate);
            const fade = (samples) => ({ nudge_frames: 0, fade_length: `${samples}/48000` });
            return {
              inside: [can({ nudge_frames: nudge[0] }), can({ nudge_frames: nudge[1] }), can(fade(longestFade))],
              outside: [
                nudge[0] > -10000 && can({ nudge_frames: nudge[0] - 1 }),
                nudge[1] < 10000 && can({ nudge_frames: nudge[1] + 1 }),
                longestFade < 480000 && can(fade(longestFade + 1)),
              ],
            };
          });
        }""",
        asked,
    )
    for one in found:
        assert one == {"inside": [True] * 3, "outside": [False] * 3}


@SLOW
@given(
    batch=st.lists(
        st.tuples(st.floats(0, 200_000) | st.integers(0, 9).map(lambda n: n + 0.5), st.integers(0, 100_000), ROOMS),
        min_size=60,
        max_size=60,
    )
)
def test_fades_are_placed_alike(page: Any, batch: list[tuple[float, int, Room]]):
    found = page.evaluate(
        """async (cases) => {
          const { place } = await import("/fades.js");
          return cases.map((one) => place(...one));
        }""",
        [[wanted, most, encode(room)] for wanted, most, room in batch],
    )
    for mine, (wanted, most, room) in zip(found, batch, strict=True):
        fade = place(wanted, most, room)
        assert mine == {"before": fade.before, "after": fade.after, "clampedBy": list(fade.clamped_by)}


@pytest.mark.parametrize("law", ["equal-power", "equal-gain"])
def test_the_curves_are_the_same_to_the_last_bit_but_one(page: Any, law: str):
    meeting = {"fade_before": 300, "fade_after": 700, "gain_db": -4.5, "glide": 2000}
    out, into, envelope = page.evaluate(
        """async ([law, meeting]) => {
          const { gains, levelEnvelope } = await import("/fades.js");
          return [...gains(1000, law), levelEnvelope(meeting, 2500)].map((one) => [...one]);
        }""",
        [law, meeting],
    )
    np.testing.assert_allclose([out, into], gains(1000, law), rtol=1e-15)
    np.testing.assert_allclose(envelope, level_envelope(Blend(300, 700, law, -4.5, 2000), 2500), rtol=1e-14)


def seeded(page: Any, channels: int, count: int, seed: int) -> np.ndarray[Any, Any]:
    """Noise that the page holds too, under ``window.noise[seed]``."""
    sound = np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, count)).astype(np.float32)
    packed = base64.b64encode(sound.tobytes()).decode()
    page.evaluate(
        """([seed, channels, packed]) => {
          const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
          const all = new Float32Array(bytes.buffer);
          const n = all.length / channels;
          const split = Array.from({ length: channels }, (_, i) => all.slice(i * n, (i + 1) * n));
          (window.noise ??= {})[seed] = split;
          window.packed = (channels) => {
            const bytes = new Uint8Array(channels.reduce((sum, one) => sum + one.byteLength, 0));
            channels.forEach((one, i) => bytes.set(new Uint8Array(one.buffer), i * one.byteLength));
            let text = "";
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);
          };
        }""",
        [seed, channels, packed],
    )
    return sound


def unpacked(text: str, channels: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(text), np.float32).reshape(channels, -1)


@pytest.mark.parametrize("law", ["equal-power", "equal-gain"])
@pytest.mark.parametrize("channels", [(1, 1), (2, 2), (1, 2), (2, 1)])
def test_the_players_play_what_a_join_is_rendered_as(page: Any, law: str, channels: tuple[int, int]):
    outgoing, incoming = seeded(page, channels[0], 40_000, 1), seeded(page, channels[1], 40_000, 2)
    room = Room(20_000, 20_000, 900, 20_000)
    meeting = {
        "out_at": 120_000,
        "in_at": 70_000,
        "fade_before": 500,
        "fade_after": 2100,
        "law": law,
        "gain_db": 5.5,
        "glide": 3000,
        "slip": 0,
        "length": 16_000,
        "room": encode(room),
    }
    made = page.evaluate(
        """async (meeting) => {
          const { mix, heard } = await import("/mix.js");
          const sound = (first, seed) => ({ first, channels: window.noise[seed] });
          const stretch = { ...heard(meeting, 105_000), fixedFade: 14_400 };
          const { A, B, C, ...rest } = mix(sound(100_000, 1), sound(50_000, 2), meeting, stretch);
          const told = (one) => ({ gain: one.gain, channels: window.packed(one.channels) });
          return { A: told(A), B: told(B), C: told(C), ...rest };
        }""",
        meeting,
    )
    assert {k: made[k] for k in ("start", "pointAt", "length")} == {
        "start": 105_000,
        "pointAt": 15_000,
        "length": 31_000,
    }
    wide = max(channels)
    out = to_channels(outgoing, wide)[:, 5_000:]
    coming = to_channels(incoming, wide)[:, : 20_000 + 16_000]
    fixed = place(14_400, 14_400, room)
    assert (fixed.before, fixed.after) == (900, 13_500)
    ours = Blend(500, 2100, law, 5.5, 3000)
    rendered = [blend(out, coming, 15_000, 20_000, how) for how in (Blend(), Blend(900, 13_500), ours)]
    power = [np.mean(np.square(one, dtype=np.float64)) for one in rendered]
    for name, sound, loud in zip("ABC", rendered, power, strict=True):
        np.testing.assert_allclose(unpacked(made[name]["channels"], wide), sound, atol=1e-6, rtol=0)
        assert made[name]["gain"] == pytest.approx(np.sqrt(min(power) / loud), rel=1e-6)
    assert max(made[name]["gain"] for name in "ABC") == 1


def test_the_present_cut_is_plain_and_what_is_not_there_is_silent(page: Any):
    outgoing, incoming = seeded(page, 2, 5000, 1), seeded(page, 2, 5000, 2)
    both, alone, short = page.evaluate(
        """async () => {
          const { plain } = await import("/mix.js");
          const [first, second] = [1, 2].map((seed) => ({ first: 1000, channels: window.noise[seed] }));
          const cases = [[second, 2000, 3000], [null, 2000, 3000], [second, 500, 4000]];
          return cases.map(([coming, from, hold]) => {
            const { A, ...rest } = plain(first, coming, 3000, 2500, from, hold);
            return { ...rest, gain: A.gain, sound: window.packed(A.channels) };
          });
        }"""
    )
    assert {k: both[k] for k in ("gain", "start", "pointAt", "length")} == {
        "gain": 1,
        "start": 2000,
        "pointAt": 1000,
        "length": 4000,
    }
    np.testing.assert_array_equal(
        unpacked(both["sound"], 2), np.concatenate([outgoing[:, 1000:2000], incoming[:, 1500:4500]], axis=1)
    )
    np.testing.assert_array_equal(
        unpacked(alone["sound"], 2), np.concatenate([outgoing[:, 1000:2000], np.zeros((2, 3000))], axis=1)
    )
    np.testing.assert_array_equal(
        unpacked(short["sound"], 2),
        np.concatenate([np.zeros((2, 500)), outgoing[:, :2000], incoming[:, 1500:], np.zeros((2, 500))], axis=1),
    )


def test_tensors_are_read_as_they_were_written(page: Any, tmp_path: Path):
    from safetensors.numpy import save

    samples = np.arange(12, dtype=np.float32).reshape(2, 6) / 7
    mel = np.arange(15, dtype=np.uint8).reshape(3, 5)
    whole = save({"samples": samples, "mel": mel}, {"rate": "48000", "note": "ž"})
    read = """async (packed) => {
      const { parse } = await import("/safetensors.js");
      const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
      try {
        const { metadata, tensors } = parse(bytes.buffer);
        const told = ([name, t]) => [name, { type: t.constructor.name, shape: t.shape, values: [...t] }];
        return { metadata, tensors: Object.fromEntries(Object.entries(tensors).map(told)) };
      } catch (error) {
        return error.message;
      }
    }"""
    found = page.evaluate(read, base64.b64encode(whole).decode())
    assert found["metadata"] == {"rate": "48000", "note": "ž"}
    assert found["tensors"]["samples"] == {
        "type": "Float32Array",
        "shape": [2, 6],
        "values": samples.ravel().tolist(),
    }
    assert found["tensors"]["mel"] == {"type": "Uint8Array", "shape": [3, 5], "values": mel.ravel().tolist()}
    for damaged in (b"", whole[:4], whole[:40], whole[:-3], b"\xff" * 8 + whole[8:]):
        assert "damaged" in page.evaluate(read, base64.b64encode(damaged).decode())


OFFLINE = """async ({ seconds, steps, gains = {} }) => {
  const { Player } = await import("/player.js");
  const context = new OfflineAudioContext(1, Math.round(seconds * 48000), 48000);
  // The player asks for the sound back where the clock stands still; here it goes on when the step is done.
  const goOn = context.resume.bind(context);
  context.resume = async () => {};
  const player = new Player(() => context);
  const versions = (names) =>
    Object.fromEntries([...names].map((name) => [name, { channels: window.noise[name], gain: gains[name] ?? 1 }]));
  const positions = {};
  for (const [time, what, value] of steps) {
    const act = () => {
      if (what === "load") player.load(versions(value));
      else player[what](...(value === undefined ? [] : [value]));
      positions[time] = player.position;
    };
    if (time === 0) act();
    else context.suspend(time).then(() => (act(), goOn()));
  }
  const rendered = await context.startRendering();
  return { sound: window.packed([rendered.getChannelData(0)]), positions, playing: player.playing };
}"""
QUANTUM = 128 / 48000


def played(page: Any, steps: list[list[Any]], seconds: float = 1.0, **more: Any) -> tuple[np.ndarray[Any, Any], Any]:
    """What a player gives when these things happen at these times (multiples of a render quantum)."""
    snapped = [[round(time / QUANTUM) * QUANTUM, *rest] for time, *rest in steps]
    told = page.evaluate(OFFLINE, {"seconds": seconds, "steps": snapped, **more})
    return unpacked(told["sound"], 1)[0], told


def lag(sound: np.ndarray[Any, Any], source: np.ndarray[Any, Any]) -> int:
    """How many samples later than in `source` the same is found in `sound`."""
    power = np.fft.rfft(sound, 2**18) * np.conj(np.fft.rfft(source, 2**18))
    found = int(np.argmax(np.fft.irfft(power)))
    return found if found < 2**17 else found - 2**18


def test_switching_between_equal_sounds_loses_and_repeats_no_sample(page: Any):
    source = seeded(page, 1, 48_000, 1)[0]
    page.evaluate("Object.assign(window.noise, { A: noise[1], B: noise[1], C: noise[1] })")
    steps: list[list[Any]] = [[0, "load", "ABC"], [0, "play"]]
    order = "ACBACB"
    steps += [[0.1 + 0.1 * i, "choose", name] for i, name in enumerate(order)]
    # Faster than a switch takes.
    steps += [[0.8, "choose", "C"], [0.8 + QUANTUM, "choose", "A"], [0.8 + 2 * QUANTUM, "choose", "B"]]
    sound, _ = played(page, steps)
    at = lag(sound, source)
    assert 0 < at <= 0.011 * 48_000
    heard, there = sound[at + 240 :], source[240 : 48_000 - at]
    np.testing.assert_allclose(heard, there, atol=1e-6, rtol=0)


def test_another_version_is_heard_at_the_same_position_and_at_its_level(page: Any):
    sounds = {name: seeded(page, 1, 48_000, i)[0] for i, name in enumerate("ABC")}
    page.evaluate("Object.assign(window.noise, { A: noise[0], B: noise[1], C: noise[2] })")
    steps: list[list[Any]] = [[0, "load", "ABC"], [0, "choose", "A"], [0, "play"]]
    steps += [[0.3, "choose", "B"], [0.6, "choose", "C"]]
    sound, _ = played(page, steps, gains={"B": 0.5, "C": 0.25})
    at = lag(sound[:14_000], sounds["A"])
    for name, gain, (first, last) in [
        ("A", 1, (0.01, 0.29)),
        ("B", 0.5, (0.33, 0.6)),
        ("C", 0.25, (0.63, 0.98)),
    ]:
        part = slice(round(first * 48_000), round(last * 48_000))
        there = sounds[name][part.start - at : part.stop - at] * np.float32(gain)
        np.testing.assert_allclose(sound[part], there, atol=1e-6, rtol=0)


def test_other_sounds_take_over_at_the_same_position(page: Any):
    first, second = seeded(page, 1, 48_000, 1)[0], seeded(page, 1, 48_000, 2)[0]
    page.evaluate("Object.assign(window.noise, { A: noise[1], B: noise[2], C: noise[2] })")
    sound, told = played(page, [[0, "load", "A"], [0, "play"], [0.4, "load", "BC"], [0.7, "load", "A"]])
    at = lag(sound[:19_000], first)
    for source, (start, end) in [(first, (0.02, 0.4)), (second, (0.43, 0.7)), (first, (0.73, 0.99))]:
        part = slice(round(start * 48_000), round(end * 48_000))
        np.testing.assert_allclose(sound[part], source[part.start - at : part.stop - at], atol=1e-6, rtol=0)
    # Both are heard for a moment: at no time is there silence.
    level = np.sqrt(np.convolve(sound**2, np.ones(48) / 48, "valid"))
    assert level[at + 480 : 47_000].min() > 0.5 * np.sqrt(np.mean(first**2))
    positions = [told["positions"][key] for key in sorted(told["positions"], key=float)]
    assert positions[1:] == pytest.approx([0.4 - at / 48_000, 0.7 - at / 48_000], abs=QUANTUM)


def test_pausing_seeking_and_the_end(page: Any):
    source = seeded(page, 1, 24_000, 1)[0]
    page.evaluate("Object.assign(window.noise, { A: noise[1] })")
    sound, told = played(
        page,
        [
            [0, "load", "A"],
            [0, "play"],
            [0.1, "pause"],
            [0.2, "play"],
            [0.3, "seek", 0.4],
            [0.6, "play"],
            [0.65, "pause"],
        ],
    )
    paused = slice(round(0.12 * 48_000), round(0.2 * 48_000))
    assert not sound[paused].any()
    positions = {round(float(key), 1 if key != "0.65" else 2): value for key, value in told["positions"].items()}
    assert positions[0.1] == pytest.approx(0.095, abs=0.003)
    assert positions[0.3] == 0.4
    # It went on where it was paused, a little before it had faded out.
    again = sound[round(0.22 * 48_000) : round(0.28 * 48_000)]
    assert lag(again, source) == pytest.approx(-(0.095 + 0.015) * 48_000, abs=300)
    # 100 ms from 0.4 s on, and the end; then from the beginning.
    assert not sound[round(0.42 * 48_000) : round(0.6 * 48_000)].any()
    assert abs(lag(sound[round(0.62 * 48_000) : round(0.64 * 48_000)], source)) < 0.03 * 48_000
    assert told["playing"] is False


PLAYING = """<!doctype html><link rel="icon" href="data:,"><button id="b">play</button>
<script type="module">
  import { Player } from "/player.js";
  const sine = (_, i) => 0.3 * Math.sin((2 * Math.PI * 300 * i) / 48000);
  const tone = () => Float32Array.from({ length: 240000 }, sine);
  const player = (window.player = new Player());
  player.load({
    A: { channels: [tone()], gain: 1 },
    B: { channels: [tone()], gain: 0.1 },
    C: { channels: [tone()], gain: 1 },
    pointAt: 120000,
  });
  player.choose("A");
  window.log = [];
  for (const type of ["state", "ended"]) player.addEventListener(type, () => log.push(type));
  let frames = 0;
  player.addEventListener("position", () => (window.frames = ++frames));
  document.querySelector("#b").addEventListener("click", () => player.toggle());
  document.addEventListener("keydown", ({ key }) => {
    const sample = () => ({ position: player.position, clock: player.context.currentTime });
    if (key === "b") (window.before = sample()), player.choose("B"), (window.after = sample());
    if (key === "p") player.toggle();
    if (key === "s") player.seek(3);
    if (key === "e") player.seek(4.9);
  });
  document.title = "ready";
</script>"""


def test_a_key_starts_the_sound_and_the_position_follows_the_clock(context: Any, address: str):
    context.route(address + "/", lambda route: route.fulfill(body=PLAYING, content_type="text/html"))
    page = context.new_page()
    page.goto(address + "/")
    page.wait_for_function("document.title === 'ready'")
    assert page.evaluate("player.context") is None
    page.click("#b")
    page.wait_for_function("player.context?.state === 'running' && player.position > 0.1 && player.level().rms > 0.1")
    assert page.evaluate("player.playing")
    assert page.evaluate("player.context.sampleRate") == 48_000

    # Against the clock of the sound over a second, in one call each: a machine that is busy renders late, and what is
    # not rendered yet is not heard yet. The computer's clock is not run ahead of.
    moments = page.evaluate(
        """async () => {
          const sample = () => ({
            position: player.position,
            clock: player.context.currentTime,
            wall: performance.now() / 1000,
          });
          const first = sample();
          await new Promise((done) => setTimeout(done, 1000));
          return [first, sample()];
        }"""
    )
    passed = {name: moments[1][name] - moments[0][name] for name in moments[0]}
    assert passed["position"] == pytest.approx(passed["clock"], abs=0.03)
    assert 0.3 < passed["position"] < passed["wall"] + 0.1
    page.keyboard.press("b")
    before, after = page.evaluate("[before, after]")
    assert after["position"] - before["position"] == pytest.approx(after["clock"] - before["clock"], abs=0.03)
    assert page.evaluate("player.chosen") == "B"
    page.wait_for_function("player.level().rms < 0.05")
    assert page.evaluate("frames") > 5

    page.keyboard.press("p")
    held = page.evaluate("player.position")
    page.wait_for_timeout(150)
    assert page.evaluate("[player.position, player.playing]") == [held, False]
    page.keyboard.press("s")
    assert page.evaluate("player.position") == 3
    page.keyboard.press("p")
    page.wait_for_function("player.position > 3.05")
    page.keyboard.press("e")
    page.wait_for_function("log.includes('ended')")
    assert page.evaluate("[player.position, player.playing]") == [5, False]


def test_a_suspended_context_is_woken_by_the_next_press(context: Any, address: str):
    context.route(address + "/", lambda route: route.fulfill(body=PLAYING, content_type="text/html"))
    page = context.new_page()
    page.goto(address + "/")
    page.click("#b")
    page.wait_for_function("player.position > 0.1")
    held = page.evaluate("player.context.suspend().then(() => player.position)")
    page.wait_for_timeout(150)
    assert page.evaluate("player.position") == held
    page.keyboard.press("p")
    page.wait_for_function(f"player.context.state === 'running' && player.playing && player.position > {held} + 0.1")


DRAWING = """<!doctype html><link rel="icon" href="data:,">
<style>body { margin: 0; background: #000 } canvas { display: block; width: 1000px; height: 220px }</style>
<canvas id="wave"></canvas><canvas id="mel"></canvas><canvas id="matrix" style="width: 300px; height: 300px"></canvas>
<script type="module">
  import { makeWaveform, drawWaveform, describe } from "/waveform.js";
  import { makeSpectrogram } from "/spectrogram.js";
  import { drawMatrix, describeMatrix } from "/matrix.js";
  const colours = {
    surface: "#000000", text: "#eeeeee", muted: "#777777", line: "#333333",
    out: "#ff0000", in: "#0000ff", join: "#00ff00", playhead: "#ffffff",
  };
  const noise = (level) => Float32Array.from({ length: 288000 }, (_, i) => level * Math.sin(i * i * 0.7));
  const mel = { data: new Uint8Array(128 * 282).fill(140), shape: [128, 282] };
  const segment = (level, first) => ({ first, channels: [noise(level)], mel });
  const meeting = {
    out_at: 244000, in_at: 644000, fade_before: 12000, fade_after: 24000, law: "equal-gain", gain_db: 0, glide: 0,
  };
  const scene = { out: segment(0.5, 100000), in: segment(0.25, 500000), meeting, from: -2.5, to: 2.5, colours };
  const data = Uint8Array.from({ length: 47 * 47 }, (_, i) => (i * 7) % 256);
  const windows = { outFirst: 220000, inFirst: 620000, hop: 1024, best: [20, 30] };
  const matrix = { data, shape: [47, 47], ...windows, meeting, colours };
  const at = (id) => document.getElementById(id);
  const wave = makeWaveform(at("wave"));
  const spectrogram = makeSpectrogram(at("mel"));
  for (const one of [wave, spectrogram]) one.setData(scene), one.draw();
  drawMatrix(at("matrix"), matrix);
  const pixels = (id, x, y, w, h) => {
    let text = "";
    for (const byte of at(id).getContext("2d").getImageData(x, y, w, h).data) text += String.fromCharCode(byte);
    return btoa(text);
  };
  Object.assign(window, { wave, spectrogram, scene, matrix, drawWaveform, describe, describeMatrix, pixels, at });
  document.title = "ready";
</script>"""


@pytest.fixture(params=[1, 2])
def drawn(request: pytest.FixtureRequest, browser: Any, complaints: Any, address: str) -> Iterator[Any]:
    """A page with every drawing, on a usual and on a dense screen; `drawn.ratio` says on which."""
    opened = browser.new_context(viewport={"width": 1280, "height": 800}, device_scale_factor=request.param)
    watch(opened, complaints)
    opened.route(address + "/", lambda route: route.fulfill(body=DRAWING, content_type="text/html"))
    page = opened.new_page()
    page.goto(address + "/")
    page.wait_for_function("document.title === 'ready'")
    page.ratio = request.param
    yield page
    opened.close()
    assert not complaints.unexpected


def region(page: Any, canvas: str, x: float, y: float, width: float, height: float) -> np.ndarray[Any, Any]:
    """Colours of a part of a canvas as they are seen on black; the part in CSS pixels."""
    x, y, width, height = (round(one * page.ratio) for one in (x, y, width, height))
    packed = page.evaluate("([id, ...area]) => pixels(id, ...area)", [canvas, x, y, width, height])
    values = np.frombuffer(base64.b64decode(packed), np.uint8).reshape(height, width, 4)
    return values[..., :3] * (values[..., 3:] / 255)


def test_what_is_heard_is_bright_and_the_rest_is_dim(drawn: Any):
    # 200 px a second, the join at 500: the outgoing sound is heard until 600, the incoming one from 450 on.
    def light(canvas: str, x: float, y: float, channel: int) -> float:
        return float(region(drawn, canvas, x, y, 60, 20)[..., channel].mean())

    for canvas, out_lane, in_lane in [("wave", 60, 160), ("mel", 50, 160)]:
        bright = [light(canvas, 200, out_lane, 0), light(canvas, 800, in_lane, 2)]
        dim = [light(canvas, 800, out_lane, 0), light(canvas, 200, in_lane, 2)]
        assert min(bright) > 2.5 * max(dim) > 0
    # The join goes through both lanes.
    for y in (60, 160):
        assert (region(drawn, "wave", 500, y, 1, 1)[0, 0] == [0, 255, 0]).all()
        assert (region(drawn, "mel", 500, y, 1, 1)[0, 0] == [0, 255, 0]).all()


def test_the_quieter_sound_is_drawn_smaller(drawn: Any):
    def tall(x: float, top: float, channel: int) -> float:
        return float((region(drawn, "wave", x, top, 40, 96)[..., channel] > 120).sum(axis=0).max() / drawn.ratio)

    loud, quiet = tall(200, 24, 0), tall(800, 122, 2)
    assert 80 < loud <= 96
    assert quiet == pytest.approx(loud / 2, abs=3)


def test_a_moved_playhead_leaves_nothing_behind(drawn: Any):
    fresh = """(position) => {
      const other = at("wave").cloneNode();
      other.id = "other";
      document.body.append(other);
      drawWaveform(other, { ...scene, position, hover: null });
    }"""
    for position, hover in [(-1.5, 0.3), (0, 2.4), (-2.5, -2.5), (2.5, None), (1.25, None)]:
        drawn.evaluate("([position, hover]) => wave.draw(position, hover)", [position, hover])
    drawn.evaluate(fresh, 1.25)
    np.testing.assert_array_equal(region(drawn, "wave", 0, 0, 1000, 220), region(drawn, "other", 0, 0, 1000, 220))
    assert (region(drawn, "wave", 750, 0, 1, 220) == 255).all(axis=2).sum() > 0.9 * 220 * drawn.ratio
    assert drawn.evaluate("wave.secondsAt(750)") == pytest.approx(1.25)


def test_the_drawings_fill_their_canvas_at_its_own_density(drawn: Any):
    assert drawn.evaluate("[at('wave').width, at('wave').height]") == [1000 * drawn.ratio, 220 * drawn.ratio]
    drawn.evaluate("at('wave').style.width = '700px'")
    drawn.evaluate("wave.draw(0)")
    assert drawn.evaluate("at('wave').width") == 700 * drawn.ratio
    assert (region(drawn, "wave", 350, 60, 1, 1)[0, 0] == 255).all()


def test_the_drawings_are_told_in_words(drawn: Any):
    assert drawn.evaluate("describe(scene)") == (
        "Two waveforms from −2.5 to +2.5 s around the join: a fade of 750 ms, 250 ms of it before the join, "
        "equal gain. In the 150 ms beside the join the outgoing sound is at −9 dBFS, the incoming one is at −15 dBFS."
    )
    assert drawn.evaluate("describeMatrix(matrix)") == (
        "The two windows are most alike 0.43 s into the outgoing window and 0.64 s into the match; "
        "the join is 0.50 s into the outgoing window and 0.50 s into the match."
    )
    plain = (
        "describe({ ...scene, in: null, meeting: { ...scene.meeting, fade_before: 0, fade_after: 0, gain_db: -3 } })"
    )
    assert drawn.evaluate(plain) == (
        "Two waveforms from −2.5 to +2.5 s around the join: a plain cut; the incoming sound is turned down by 3.0 dB. "
        "In the 150 ms beside the join the outgoing sound is at −9 dBFS."
    )


def test_the_matrix_marks_the_join_and_the_best_pair(drawn: Any):
    side = 300 - 38 - 10 if 300 - 48 < 300 - 56 else 300 - 22 - 34
    left = 38 + (300 - 48 - side) // 2

    def place(row: float, column: float) -> tuple[float, float]:
        return left + (column + 0.5) / 47 * side, 22 + side - (row + 0.5) / 47 * side

    x, y = place(24_000 / 1024, 24_000 / 1024)
    assert (region(drawn, "matrix", x - 1, y - 1, 2, 2) == [0, 255, 0]).all()
    x, y = place(20, 30)
    assert region(drawn, "matrix", x - 8, y - 1, 4, 2).max() > 200
    # The diagonal of nudges, a quarter of the way up.
    x, y = place(12, 12)
    around = region(drawn, "matrix", x - 1, y - 1, 2, 2)
    assert (around[..., 1] > around[..., 0] + 50).any()


def test_peaks_are_the_extremes_of_their_samples(page: Any):
    sound = seeded(page, 2, 40_000, 1)
    found = page.evaluate(
        """async () => {
          const { columns } = await import("/peaks.js");
          const list = (values) => [...values].map((v) => (Number.isNaN(v) ? null : v));
          const told = ({ low, high, power }) => [low, high, power].map(list);
          return [64, 512, 16].map((width) => told(columns({ channels: window.noise[1] }, -640, width, 40)));
        }"""
    )
    for width, (low, high, power) in zip((64, 512, 16), found, strict=True):
        for i in range(40):
            part = sound[:, max(0, i * width - 640) : max(0, (i + 1) * width - 640)]
            if part.size == 0:
                assert low[i] is high[i] is power[i] is None
            else:
                assert (low[i], high[i]) == (part.min(), part.max())
                assert power[i] == pytest.approx(np.mean(np.square(part, dtype=float)), rel=1e-4)


def clip(path: Path, value: int, seconds: float = 4.0) -> None:
    """A video of one grey, 25 frames a second."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for _ in range(round(25 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.full((36, 64, 3), value, np.uint8), "rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


VIEWING = """<!doctype html><link rel="icon" href="data:,">
<video id="vo"></video><video id="vi"></video><img id="so"><img id="si"><button id="b">play</button>
<script type="module">
  import { Player } from "/page/player.js";
  import { Viewer } from "/page/viewer.js";
  const at = (id) => document.getElementById(id);
  const player = new Player();
  const viewer = new Viewer(at("vo"), at("vi"), at("so"), at("si"));
  player.load({ A: { channels: [new Float32Array(432000)], gain: 1 } });
  viewer.follow(player);
  const join = { pointAt: 4, outOffset: 0.5, inOffset: 1.5 };
  at("b").addEventListener("click", () => player.toggle());
  const seen = () => ["vo", "vi", "so", "si"].filter((id) => at(id).style.visibility === "visible");
  const times = () => [at("vo").currentTime, at("vi").currentTime, player.position];
  Object.assign(window, { player, viewer, join, at, seen, times });
  document.title = "ready";
</script>"""


def test_the_picture_follows_the_sound_across_the_point(context: Any, tmp_path: Path):
    clip(tmp_path / "out.mp4", 40, 12)
    clip(tmp_path / "in.mp4", 200, 12)
    (tmp_path / "page").symlink_to(PAGE)
    (tmp_path / "index.html").write_text(VIEWING)
    still = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
    with serve_folder(tmp_path) as address:
        page = context.new_page()
        page.goto(address + "/")
        page.wait_for_function("document.title === 'ready'")
        page.evaluate("(still) => viewer.show({ ...join, outStill: still, inStill: still })", still)
        assert page.evaluate("seen()") == ["so"]
        # From memory: the little server answers no range, without which no browser seeks.
        page.evaluate(
            """async () => {
              const kept = async (name) => URL.createObjectURL(await (await fetch(name)).blob());
              Object.assign(join, { outUrl: await kept("out.mp4"), inUrl: await kept("in.mp4") });
              viewer.show(join);
            }"""
        )
        page.wait_for_function("seen()[0] === 'vo' && Math.abs(at('vi').currentTime - 5.5) < 0.01 && !at('vi').seeking")
        assert page.evaluate("times()")[0] == pytest.approx(0.5, abs=0.01)
        page.click("#b")
        # Seconds are left until the point, and pictures may catch up: a busy machine shows them late.
        page.wait_for_function("player.position > 0.3 && Math.abs(times()[0] - 0.5 - times()[2]) < 0.1")
        state, before = page.evaluate(
            "[[at('vo').paused, at('vi').paused, at('vo').playbackRate, at('vo').muted, seen()[0],"
            " at('vi').currentTime], player.position]"
        )
        assert before < 4
        assert state[:2] == [False, True]
        assert state[2] == pytest.approx(1, abs=0.1)
        assert state[3:] == [True, "vo", pytest.approx(5.5, abs=0.01)]
        page.wait_for_function("player.position > 4.3 && Math.abs(times()[1] - 1.5 - times()[2]) < 0.1")
        assert page.evaluate("seen()") == ["vi"]
        assert page.evaluate("at('vo').paused")
        page.evaluate("at('vi').currentTime += 0.3")
        page.wait_for_function("Math.abs(times()[1] - 1.5 - times()[2]) < 0.08")
        page.click("#b")
        page.evaluate("player.seek(0.2)")
        page.wait_for_function("Math.abs(at('vo').currentTime - 0.7) < 0.01 && seen()[0] === 'vo' && at('vo').paused")
        # A nudge moves both pictures; what is loaded stays loaded.
        page.evaluate("viewer.show({ ...join, outOffset: 0.54, inOffset: 1.54 })")
        page.wait_for_function("Math.abs(at('vo').currentTime - 0.74) < 0.01 && at('vo').readyState > 1")
        page.evaluate("viewer.show(null)")
        assert page.evaluate("seen()") == []
