"""Labelled sets in both formats: what is read, and what is refused, in one line that names the place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from set_helpers import made_set, set_folder, sounds_csv, write_csv

from amc_otio.errors import AmcError, MediaError, UsageError
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.records import restrict

HEADER = "query,candidate,relevant,group,kind\n"


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with files to name; nothing here opens them."""
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "sub/c.mov", "footage@2x.mov", "take@2", "take", "with, comma.wav"):
        (folder / name).write_bytes(b"sound")
    (tmp_path / "outside.wav").write_bytes(b"sound")
    return folder


def labels(folder: Path, text: str | bytes) -> Path:
    path = folder / "queries.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# ---------------------------------------------------------------- plain CSV


def test_a_csv_by_hand(media: Path):
    labels(
        media,
        "\ufeffquery,candidate,relevant,group,kind\r\n"
        'a.wav,sub/c.mov@12.5,1,hits,metal\r\na.wav,"with, comma.wav",0,,\r\n\r\n'
        "sub/c.mov@12.5,b.wav,Yes,,\r\nsub/c.mov@12.5,footage@2x.mov,no,,\r\n",
    )
    labelled = read_labelled_set(media)
    assert labelled.name == "set"
    clips = {clip.name: clip for clip in labelled.clips}
    assert sorted(clips) == ["a.wav", "b.wav", "footage@2x.mov", "sub/c.mov@12.5", "with, comma.wav"]
    assert clips["sub/c.mov@12.5"].start == 600_000
    assert clips["footage@2x.mov"].start == 0
    first, second = labelled.queries
    assert (first.query, first.group, first.kind) == ("a.wav", "hits", "metal")
    assert (first.positives, first.negatives) == (("sub/c.mov@12.5",), ("with, comma.wav",))
    # Seconds of one file are one group, unless it is said otherwise.
    assert second.group == str(Path("sub/c.mov"))
    assert labelled.cross_queries == ()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_what_spreadsheets_write(media: Path, delimiter: str):
    rows = [
        {"query": "a.wav", "candidate": "b.wav", "relevant": "TRUE"},
        {"query": "a.wav", "candidate": "sub/c.mov", "relevant": "FALSE"},
    ]
    path = write_csv(media / "mine.csv", rows, delimiter)
    labelled = read_labelled_set(path)
    assert labelled.name == "mine"
    assert labelled.queries[0].positives == ("b.wav",)


def test_one_second_is_one_clip_however_it_is_spelt(media: Path):
    path = labels(media, HEADER + "a.wav,b.wav,1,,\na.wav,sub/../b.wav@0,0,,\n")
    with pytest.raises(MediaError, match=r"line 3 judges 'b.wav' for 'a.wav' a second time"):
        read_labelled_set(path)
    path = labels(media, HEADER + "a.wav,a.wav@0.0,1,,\n")
    with pytest.raises(MediaError, match="its own candidate"):
        read_labelled_set(path)


def test_a_file_that_is_there_is_meant_before_a_time(media: Path):
    path = labels(media, HEADER + "take@2,a.wav,1,,\ntake@2,take@3,0,,\n")
    clips = {clip.name: clip for clip in read_labelled_set(path).clips}
    assert (clips["take@2"].path.name, clips["take@2"].start) == ("take@2", 0)
    assert (clips["take@3"].path.name, clips["take@3"].start) == ("take", 144_000)


def test_how_lines_are_ordered_does_not_say_what_matches(media: Path):
    # Equal similarities rank by a clip's number: it must not follow from where the positives stand in the file.
    names = ["a.wav", "b.wav", "sub/c.mov", "take"]
    lines = [f"footage@2x.mov,{name},{int(i == 0)},,\n" for i, name in enumerate(names)]
    orders = []
    for listed in (lines, lines[::-1]):
        orders.append([clip.name for clip in read_labelled_set(labels(media, HEADER + "".join(listed))).clips])
    assert orders[0] == orders[1] != sorted(orders[0])


GOOD = "a.wav,b.wav,1,,\n"
BAD_CSV = {
    "nothing": ("", "has no column 'query'"),
    "no such column": ("query,candidate\na.wav,b.wav\n", "has no column 'relevant'"),
    "a column twice": ("query,candidate,relevant,relevant\n", "has two columns 'relevant'"),
    "no line": (HEADER, "judges nothing"),
    "not a number": (HEADER + "a.wav,b.wav,NaN,,\n", "line 2 says 'NaN' in relevant; write 1 or 0"),
    "no value": (HEADER + "a.wav,b.wav\n", "line 2 says '' in relevant"),
    "too many fields": (HEADER + "a.wav,b.wav,1,,,,\n", "line 2 has 7 fields where the header has 5"),
    "a pair twice": (HEADER + GOOD + GOOD, "line 3 judges 'b.wav' for 'a.wav' a second time"),
    "itself": (HEADER + "a.wav,a.wav,1,,\n", "line 2 gives the query 'a.wav' as its own candidate"),
    "two groups": (HEADER + "a.wav,b.wav,1,x,\na.wav,take,0,y,\n", "line 3 puts 'a.wav' in the group 'y' after 'x'"),
    "no positive": (HEADER + "a.wav,b.wav,0,,\n", "the query 'a.wav' (line 2) has no positives"),
    "no negative": (HEADER + GOOD, "the query 'a.wav' (line 2) has no negatives"),
    "an absent file": (HEADER + "a.wav,no.wav,1,,\n", "line 2 names 'no.wav': the file cannot be reached"),
    "a folder": (HEADER + "a.wav,sub,1,,\n", "line 2 names 'sub': it is a folder"),
    "no name": (HEADER + ",b.wav,1,,\n", "line 2 names no file"),
    "a way out": (HEADER + "a.wav,../outside.wav,1,,\n", "'../outside.wav', which is not in the folder"),
    "a way out with a time": (HEADER + "a.wav,../outside.wav@1,1,,\n", "'../outside.wav', which is not in the folder"),
    "an absolute path": (HEADER + "a.wav,/etc/hostname,1,,\n", "'/etc/hostname', which is not in the folder"),
    "a time of NaN": (HEADER + "a.wav,b.wav@nan,1,,\n", "line 2 names 'b.wav@nan': nan is no time"),
    "an infinite time": (HEADER + "a.wav,b.wav@inf,1,,\n", "line 2 names 'b.wav@inf': inf is no time"),
    "a negative time": (HEADER + "a.wav,b.wav@-1,1,,\n", "line 2 names 'b.wav@-1': -1 is no time"),
    "a huge field": (HEADER + "a" * 200_000 + ",b.wav,1,,\n", "line 2 is not CSV (field larger than field limit"),
    "a long name": (HEADER + "a" * 100_000 + ",b.wav,1,,\n", "the file cannot be reached"),
    "a long name and a time": (HEADER + "a" * 5_000 + "@1,b.wav,1,,\n", "the file cannot be reached"),
    "an open quote": (HEADER + '"a.wav,b.wav,1,,\n', "is not CSV (unexpected end of data)"),
    "a NUL": (HEADER + "a\0.wav,b.wav,1,,\n", "line 2"),
    "a control character": (HEADER + "\x1b[31ma.wav,b.wav,1,,\n", r"line 2 names '\x1b[31ma.wav': the file cannot"),
    "UTF-16": ((HEADER + GOOD).encode("utf-16"), "is not UTF-8 text (byte 0); save it as UTF-8"),
    "Latin-1": ((HEADER + "å.wav,b.wav,1,,\n").encode("latin-1"), "is not UTF-8 text"),
    "binary": (b"\x00\x01\xff\xfe" * 100, "is not UTF-8 text"),
}


@pytest.mark.parametrize("name", BAD_CSV)
def test_a_bad_csv_is_one_line(name: str, media: Path):
    text, says = BAD_CSV[name]
    path = labels(media, text)
    with pytest.raises(MediaError) as caught:
        read_labelled_set(path)
    line = str(caught.value)
    assert says in line
    assert "queries.csv" in line
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def test_links_do_not_lead_out(media: Path):
    (media / "link.wav").symlink_to(media.parent / "outside.wav")
    (media / "up").symlink_to(media.parent)
    (media / "round.wav").symlink_to(media / "round.wav")
    (media / "inside.wav").symlink_to(media / "b.wav")
    for name in ("link.wav", "up/outside.wav", "up/set/../outside.wav", "round.wav", "link.wav@1"):
        path = labels(media, HEADER + f"a.wav,{name},1,,\n")
        with pytest.raises(MediaError, match="line 2 names"):
            read_labelled_set(path)
    path = labels(media, HEADER + "a.wav,inside.wav,1,,\na.wav,take,0,,\n")
    assert read_labelled_set(path).queries[0].positives == ("inside.wav",)


def test_labels_are_bounded(media: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("amc_otio.evaluation.untrusted.MAX_BYTES", 10)
    with pytest.raises(MediaError, match="is larger than"):
        read_labelled_set(labels(media, HEADER + GOOD))


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    folder = tmp_path_factory.mktemp("any")
    for content in (data, HEADER.encode() + data):
        with pytest.raises(AmcError):
            read_labelled_set(labels(folder, content))


def test_what_is_no_set(tmp_path: Path, examples: Path):
    with pytest.raises(MediaError, match=r"no.csv: cannot be read as labels"):
        read_labelled_set(tmp_path / "no.csv")
    with pytest.raises(MediaError, match=r"it has no clips.csv \(nor a queries.csv\)"):
        read_labelled_set(examples)


# ---------------------------------------------------------------- folders


def test_a_folder(tmp_path: Path, examples: Path):
    labelled = read_labelled_set(set_folder(tmp_path / "mine", examples))
    assert labelled.name == "mine"
    assert len(labelled.clips) == 12
    river = next(clip for clip in labelled.clips if clip.name == "river")
    assert (river.content, river.shift, river.package) == (24_000, 12_000, "p")
    (query,) = labelled.queries
    assert (query.kind, query.positives, query.ignore) == ("water/flow", ("splash", "waterfall"), ("glass-door",))
    assert tmp_path / "mine" / "labels.json" in labelled.files
    assert river.path in labelled.files


BAD_LABELS = {
    "no positives": ({"positives": []}, "queries[0] ('river') has no positives"),
    "an unknown positive": ({"positives": ["x"]}, "queries[0].positives names 'x', which clips.csv does not list"),
    "an unknown query": ({"query": "x"}, "queries[0].query names 'x'"),
    "a query of its own": ({"negatives": ["river"]}, "lists the query 'river' among its own candidates"),
    "both": ({"negatives": ["splash"]}, "says that 'splash' matches and that it does not"),
    "twice": ({"positives": ["splash", "splash"]}, "queries[0].positives names a clip twice"),
    "no text": ({"group": 3}, "queries[0].group is no text"),
    "no list": ({"negatives": "splash"}, "queries[0].negatives is no list of clip names"),
    "no names": ({"ignore": [None]}, "queries[0].ignore is no list of clip names"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_one_line(name: str, tmp_path: Path, examples: Path):
    changes, says = BAD_LABELS[name]
    with pytest.raises(MediaError) as caught:
        read_labelled_set(set_folder(tmp_path, examples, **changes))
    assert says in str(caught.value)
    assert "labels.json" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "is not JSON"),
        ("{", "is not JSON"),
        ("[]", "has no list 'queries'"),
        ('{"queries": {}}', "has no list 'queries'"),
        ('{"queries": [1]}', "queries[0] is no object"),
        ('{"queries": [], "cross_queries": 3}', "'cross_queries' is no list"),
    ],
)
def test_bad_json_is_one_line(text: str, says: str, tmp_path: Path, examples: Path):
    (set_folder(tmp_path, examples) / "labels.json").write_text(text)
    with pytest.raises(MediaError) as caught:
        read_labelled_set(tmp_path)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("../../outside,1,0", "which is not in the folder"),
        ("nosuch,1,0", "the file cannot be reached"),
        ("splash,nan,0", "a content_s of 'nan'"),
        ("splash,0,0", "a content_s of '0'"),
        ("splash,1.5,0", "a content_s of '1.5'"),
        ("splash,1,1.5", "a shift of '1.5'"),
        ("splash,1,inf", "a shift of 'inf'"),
        ("river,1,0", "names the clip 'river' a second time"),
    ],
)
def test_bad_clips_are_one_line(row: str, says: str, tmp_path: Path, examples: Path):
    (tmp_path / "outside.ogg").write_bytes(b"sound")
    folder = set_folder(tmp_path / "set", examples)
    (folder / "clips.csv").write_text(f"clip,content_s,shift\nriver,1,0\n{row}\n")
    with pytest.raises(MediaError) as caught:
        read_labelled_set(folder)
    assert "clips.csv: line 3 " in str(caught.value)
    assert says in str(caught.value)


def test_a_folder_of_a_csv_and_a_folder_are_told_apart(tmp_path: Path, examples: Path):
    sounds_csv(tmp_path, examples)
    assert len(read_labelled_set(tmp_path).queries) == 10
    set_folder(tmp_path, examples)
    assert len(read_labelled_set(tmp_path).queries) == 1
    (tmp_path / "labels.json").write_text(json.dumps({"queries": []}))
    assert read_labelled_set(tmp_path).queries == ()


# ---------------------------------------------------------------- packages


def test_packages_drop_clips_everywhere():
    whole = made_set()
    part = restrict(whole, only=("A", "B"))
    assert {clip.package for clip in part.clips} == {"A", "B"} == set(part.packages)
    kept = {clip.name for clip in part.clips}
    before = {query.query: query for query in whole.cross_queries}
    for query in part.cross_queries:
        named = {query.query, *query.positives, *query.negatives, *query.ignore}
        assert named <= kept
        assert query.positives == tuple(p for p in before[query.query].positives if p in kept)
        assert len(query.positives) >= 2
    dropped = set(before) - {query.query for query in part.cross_queries}
    assert all(name not in kept or len(kept & set(before[name].positives)) < 2 for name in dropped)
    assert restrict(whole, leave_out=("C", "D")) == part
    assert restrict(whole) is whole


def test_packages_that_are_not_there():
    whole = made_set()
    with pytest.raises(UsageError, match="no clip is of a package 'Z'; its packages are A, B, C, D"):
        restrict(whole, only=("A", "Z"))
    with pytest.raises(UsageError, match="no query has two positives"):
        restrict(whole, leave_out=tuple("ABCD"))
