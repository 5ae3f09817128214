"""Finding media: every form of address that editors write, path maps, and relinking by name."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_media import signal, write_sound

from amc_otio.errors import MediaError, UsageError
from amc_otio.media.locate import Locator, parse_path_map, split_url
from amc_otio.media.urls import components, map_path

NAMES = st.text(
    st.characters(blacklist_characters='/\\\0:*?"<>|', blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20
).filter(lambda s: s not in (".", "..") and s == s.strip(" .") and s.strip())
ODD = ["a b.wav", "50% #1?.wav", "a%20b.wav", "é ñ 音.wav", "plus+and&.wav", "semi;colon=x.wav", "quo'te.wav"]


# --- reading an address -----------------------------------------------------------------------------------------------


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_encoded_file_url_round_trip(parts):
    path = "/" + "/".join(parts)
    for prefix in ("file://", "file://localhost", "file:", "FILE://LOCALHOST"):
        assert split_url(prefix + quote(path)).spellings[0] == path
    windows = "C:/" + "/".join(parts)
    for url in (
        "file:///" + quote(windows, safe="/:"),
        "file://localhost/" + quote(windows, safe="/:"),
        "file:///" + quote(windows),
        "file://" + quote(windows, safe="/:"),
    ):
        address = split_url(url)
        assert address.windows and address.absolute and address.spellings[0] == windows
    unc = split_url("file://server/share/" + quote("/".join(parts)))
    assert unc.windows and components(unc.spellings[0], True) == ("//server/share", *parts)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_bare_path_is_itself_first(parts):
    posix = "/" + "/".join(parts)
    assert split_url(posix).spellings[0] == posix and split_url(posix).name == parts[-1]
    for text in ("D:\\" + "\\".join(parts), "D:/" + "/".join(parts)):
        address = split_url(text)
        assert address.windows and address.absolute and address.spellings[0] == text and address.name == parts[-1]
    unc = split_url("\\\\server\\share\\" + "\\".join(parts))
    assert unc.windows and unc.absolute and unc.name == parts[-1]


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_unencoded_file_url_has_the_name_among_its_spellings(parts):
    path = "/" + "/".join(parts)
    assert path in split_url("file://" + path).spellings
    assert path + " #2?.wav" in split_url("file://" + path + " #2?.wav").spellings


def test_long_windows_prefixes_are_dropped():
    assert split_url("\\\\?\\C:\\a\\b.wav").spellings[0] == "C:\\a\\b.wav"
    assert split_url("\\\\?\\UNC\\server\\share\\b.wav").spellings[0] == "\\\\server\\share\\b.wav"
    assert split_url("file:///C|/a/b.wav").spellings[0] == "C:/a/b.wav"


@pytest.mark.parametrize("url", ["http://x/a.wav", "https://x/a.wav", "rtsp://cam/1", "s3://bucket/a.wav", "smb://h/a"])
def test_network_addresses_are_refused_by_name(url):
    with pytest.raises(MediaError, match=url.split(":")[0] + ":// is a network address"):
        Locator(search_roots=(Path("/"),)).locate(url)


@pytest.mark.parametrize("url", ["", "  ", "a\0b.wav", "file:", "file://"])
def test_empty_and_nul_are_refused(url):
    with pytest.raises(MediaError):
        Locator().locate(url)


@given(st.text(max_size=60))
def test_no_text_is_a_traceback(text):
    try:
        Locator(base=Path("/nowhere")).locate(text)
    except MediaError as error:
        assert "\n" not in str(error)


# --- on the disk ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD)
def test_every_form_of_an_odd_name(tmp_path, name):
    path = tmp_path / "my media #1" / name
    path.parent.mkdir()
    path.write_bytes(b"x")
    text = str(path)
    for url in (text, "file://" + quote(text), "file://localhost" + quote(text), path.as_uri(), "my media #1/" + name):
        assert Locator(base=tmp_path).locate(url) == path
    if "%" not in name:
        assert Locator().locate("file://" + text) == path
        assert Locator().locate(quote(text)) == path  # a bare path that someone encoded


def test_a_bare_path_is_decoded_only_when_the_literal_file_is_absent(tmp_path):
    literal, decoded = tmp_path / "a%20b.wav", tmp_path / "a b.wav"
    decoded.write_bytes(b"x")
    assert Locator().locate(str(literal)) == decoded
    literal.write_bytes(b"x")
    assert Locator().locate(str(literal)) == literal


def test_relative_windows_path_beside_the_timeline(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.wav").write_bytes(b"x")
    assert Locator(base=tmp_path).locate("media\\a.wav") == tmp_path / "media" / "a.wav"
    assert Locator(base=tmp_path).locate("./media/a.wav") == tmp_path / "media" / "a.wav"


@pytest.mark.parametrize(("on_disk", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_unicode_forms(tmp_path, on_disk, asked):
    folder = tmp_path / unicodedata.normalize(asked, "Séance")  # the folder in the one form, the file in the other
    folder.mkdir()
    path = folder / unicodedata.normalize(on_disk, "prise é.wav")
    path.write_bytes(b"x")
    assert Locator().locate(str(folder / unicodedata.normalize(asked, "prise é.wav"))).samefile(path)
    other = tmp_path / unicodedata.normalize(on_disk, "Séance") / unicodedata.normalize(asked, "prise é.wav")
    assert Locator().locate(str(other)).samefile(path)


def test_only_regular_files_are_used(tmp_path):
    with pytest.raises(MediaError, match="folder"):
        Locator().locate(str(tmp_path))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        with pytest.raises(MediaError, match="not a regular file"):
            Locator(search_roots=(tmp_path,)).locate(str(tmp_path / "pipe.wav"))
        with pytest.raises(MediaError, match="not a regular file"):
            Locator().locate("/dev/zero")


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(MediaError, match=r"not there; relink the clip, or use --map-path FROM=TO or --search-root"):
        Locator().locate(str(tmp_path / "no.wav"))


# --- path maps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (r"D:\Media", r"D:\Media\day 1\a.wav"),
        (r"d:/media/", "file:///D:/Media/day%201/a.wav"),
        (r"\\server\share", r"\\SERVER\Share\day 1\a.wav"),
        ("//server/share", "file://server/share/day%201/a.wav"),
        (r"\\server\share", "//server/share/day 1/a.wav"),
        ("/Volumes/RAID", "/Volumes/RAID/day 1/a.wav"),
        ("/Volumes/RAID/", "file:///Volumes/RAID/day%201/a.wav"),
        ("file:///Volumes/RAID", "file://localhost/Volumes/RAID/day%201/a.wav"),
    ],
)
def test_path_maps_in_every_form(tmp_path, source, url):
    (tmp_path / "day 1").mkdir()
    (tmp_path / "day 1" / "a.wav").write_bytes(b"x")
    assert Locator(path_maps=((source, str(tmp_path)),)).locate(url) == tmp_path / "day 1" / "a.wav"


def test_longest_map_first_and_whole_components():
    maps = (("/a", "/short"), ("/a/b", "/long"), ("/a/bc", "/other"))
    assert map_path(split_url("/a/b/x.wav"), maps) == ("/long/x.wav", "/short/b/x.wav")
    assert map_path(split_url("/abc/x.wav"), maps) == ()
    assert map_path(split_url("/A/b/x.wav"), maps) == ()
    assert map_path(split_url("/a/x.wav"), (("/a", "/"),)) == ("/x.wav",)


@given(st.lists(NAMES, min_size=1, max_size=5), st.integers(1, 5))
def test_mapping_keeps_the_rest_of_the_path(parts, depth):
    depth = min(depth, len(parts))
    prefix = "X:\\" + "\\".join(parts[:depth])
    url = "file:///x:/" + quote("/".join([*parts, "end.wav"]))
    assert map_path(split_url(url), ((prefix, "/t"),))[0] == "/".join(["/t", *parts[depth:], "end.wav"])


def test_parse_path_map():
    assert parse_path_map(r"D:\Media=/mnt/media") == (r"D:\Media", "/mnt/media")
    for text in ("", "nothing", "=x", "x=", " = "):
        with pytest.raises(UsageError, match="FROM=TO"):
            parse_path_map(text)


# --- search roots -----------------------------------------------------------------------------------------------------


def test_relink_by_name_case_and_unicode(tmp_path):
    deep = tmp_path / "x" / "y"
    deep.mkdir(parents=True)
    (deep / "Été 01.WAV").write_bytes(b"x")
    locator = Locator(search_roots=(tmp_path,))
    assert locator.locate(r"E:\lost\été 01.wav") == deep / "Été 01.WAV"
    assert locator.locate("file:///gone/" + quote(unicodedata.normalize("NFD", "Été 01.WAV"))) == deep / "Été 01.WAV"
    with pytest.raises(MediaError, match="no file of its name is under"):
        locator.locate("/gone/other.wav")


def test_walk_is_done_once_and_survives_cycles(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "s.wav").write_bytes(b"x")
    try:
        (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    locator = Locator(search_roots=(tmp_path,))
    assert locator.locate("/gone/s.wav").samefile(tmp_path / "a" / "s.wav")
    (tmp_path / "a" / "late.wav").write_bytes(b"x")
    with pytest.raises(MediaError):
        locator.locate("/gone/late.wav")
    assert Locator(search_roots=(tmp_path,)).locate("/gone/late.wav").name == "late.wav"


def test_number_of_files_is_bounded(tmp_path, monkeypatch):
    for i in range(5):
        (tmp_path / f"{i}.wav").write_bytes(b"x")
    monkeypatch.setattr("amc_otio.media.locate.MAX_FILES", 3)
    with pytest.raises(MediaError, match="more than 3 files"):
        Locator(search_roots=(tmp_path,)).locate("/gone/4.wav")


def test_several_of_one_name_are_told_apart_by_length_then_start(tmp_path):
    for i, seconds in enumerate((1, 2, 2)):
        (tmp_path / str(i)).mkdir()
        write_sound(tmp_path / str(i) / "take.wav", signal(seconds, 8000, 1, seed=i), 8000, "WAV", "PCM_16")
    locator = Locator(search_roots=(tmp_path,))
    assert locator.locate("/gone/take.wav", duration_s=1.0) == tmp_path / "0" / "take.wav"
    with pytest.raises(MediaError, match="2 different files have this name") as caught:
        locator.locate("/gone/take.wav", duration_s=2.0)
    assert str(tmp_path / "1" / "take.wav") in str(caught.value) and str(tmp_path / "2" / "take.wav") in str(
        caught.value
    )
    with pytest.raises(MediaError, match="none has the length"):
        locator.locate("/gone/take.wav", duration_s=7.0)
    with pytest.raises(MediaError, match="3 different files"):
        locator.locate("/gone/take.wav")


def test_start_timecode_tells_takes_apart(tmp_path):
    from test_probe import with_time_reference

    for i, hour in enumerate((1, 2)):
        (tmp_path / str(i)).mkdir()
        path = write_sound(tmp_path / str(i) / "take.wav", signal(1, 8000, 1, seed=i), 8000, "WAV", "PCM_16")
        with_time_reference(path, hour * 3600 * 8000)
    locator = Locator(search_roots=(tmp_path,))
    assert locator.locate("/gone/take.wav", duration_s=1.0, start_s=7200.0) == tmp_path / "1" / "take.wav"


def test_equal_content_is_not_ambiguous(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    path = write_sound(tmp_path / "a" / "t.wav", signal(1, 8000, 1), 8000, "WAV", "PCM_16")
    shutil.copy(path, tmp_path / "b" / "t.wav")
    assert Locator(search_roots=(tmp_path,)).locate("/gone/t.wav") == tmp_path / "a" / "t.wav"


def test_search_root_that_is_none(tmp_path):
    with pytest.raises(MediaError, match="search root is not a folder"):
        Locator(search_roots=(tmp_path / "no",)).locate("/gone/a.wav")
