"""Files that must be refused before a parser sees them."""

from __future__ import annotations

import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_otio.errors import TimelineError
from amc_otio.timeline.guard import Limits, check_before_parsing, json_depth, member_name_problem


def refused(path: Path, words: str, limits: Limits | None = None) -> None:
    with pytest.raises(TimelineError) as caught:
        check_before_parsing(path, limits)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def bundle(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_missing_empty_and_odd_files(tmp_path: Path) -> None:
    refused(tmp_path / "no.otio", "does not exist")
    refused(written(tmp_path / "empty.otio", b""), "is empty")
    refused(tmp_path, "is a folder")
    (tmp_path / "a.fcpxmld").mkdir()
    refused(tmp_path / "a.fcpxmld", "Info.fcpxml")
    (tmp_path / "a.otiod").mkdir()
    refused(tmp_path / "a.otiod", "holds no content.otio")


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in the file system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.otio")
    refused(tmp_path / "pipe.otio", "is not a regular file")


def test_size_limit_can_be_set(tmp_path: Path) -> None:
    path = written(tmp_path / "a.edl", b"TITLE: x\n" * 300_000)
    check_before_parsing(path)
    refused(path, "are refused", Limits(file_bytes=1 << 20))


@pytest.mark.parametrize("levels", [1_001, 60_000, 3_000_000])
def test_deep_json_never_reaches_the_parser(tmp_path: Path, levels: int) -> None:
    refused(written(tmp_path / "deep.otio", b"[" * levels + b"]" * levels), "nested deeper than 1000")
    refused(written(tmp_path / "deep.txt", b'{"a":' * levels), "nested deeper than 1000")


def test_brackets_in_strings_do_not_count(tmp_path: Path) -> None:
    check_before_parsing(written(tmp_path / "a.otio", b'{"name": "' + b"[{" * 5000 + b'", "b": "\\"[[\\\\"}'))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=30,
)


def true_depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((true_depth(v) for v in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((true_depth(v) for v in value), default=0)
    return 0


@settings(deadline=None)
@given(json_values, st.integers(1, 7), st.booleans())
def test_json_depth_is_that_of_the_document_however_it_is_cut(value: object, size: int, ascii_only: bool) -> None:
    import json

    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert json_depth(data[i : i + size] for i in range(0, len(data), size)) == true_depth(value)


def test_xml_entities_are_refused_and_a_bare_doctype_is_not(tmp_path: Path) -> None:
    check_before_parsing(written(tmp_path / "ok.xml", b"<?xml version='1.0'?><!DOCTYPE xmeml><xmeml version='4'/>"))
    laughs = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><x>&b;</x>"
    refused(written(tmp_path / "lol.xml", laughs), "entities")
    refused(written(tmp_path / "lol.fcpxml", b"<?xml version='1.0'?>" + laughs), "entities")
    # Whatever the suffix says, XML is looked at as XML.
    refused(written(tmp_path / "lol.ale", laughs), "entities")


def test_xml_that_is_deep_or_broken(tmp_path: Path) -> None:
    refused(written(tmp_path / "deep.xml", b"<a>" * 2000), "nested deeper")
    refused(written(tmp_path / "broken.xml", b"<xmeml><sequence></xmeml>"), "not well-formed")
    refused(written(tmp_path / "text.fcpxml", b"hello"), "not well-formed")
    refused(written(tmp_path / "enc.xml", b"<?xml version='1.0' encoding='nonsense'?><a/>"), "ncoding")


@pytest.mark.parametrize(
    "name",
    ["../evil.wav", "media/../../evil.wav", "/etc/passwd", "C:\\evil.wav", "C:evil", "media\\a.wav", "a//b", "."],
)
def test_unsafe_bundle_members(tmp_path: Path, name: str) -> None:
    assert member_name_problem(name) is not None
    path = tmp_path / "a.otioz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("content.otio", b"{}")
        info = zipfile.ZipInfo("x")
        info.filename = name
        file.writestr(info, b"x")
    refused(path, "member")


def test_symbolic_links_duplicates_and_missing_content_in_bundles(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "link.otioz", "w") as file:
        file.writestr("content.otio", b"{}")
        info = zipfile.ZipInfo("media/a.wav")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, b"/etc/passwd")
    refused(tmp_path / "link.otioz", "symbolic link")
    refused(bundle(tmp_path / "twice.otioz", {"content.otio": b"{}", "Content.OTIO": b"{}"}), "twice")
    refused(bundle(tmp_path / "none.otioz", {"media/a.wav": b"x"}), "holds no content.otio")
    refused(written(tmp_path / "text.otioz", b"not a zip"), "not a sound .otioz bundle")
    good = bundle(tmp_path / "good.otioz", {"content.otio": b"{}" * 500, "media/a.wav": b"x" * 100})
    check_before_parsing(good)
    refused(good, "more than 1", Limits(members=1))
    refused(good, "unpacks to", Limits(bundle_bytes=200))


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = bundle(tmp_path / "bomb.otioz", {"content.otio": b"{}", "a": bytes(80 << 20)}, zipfile.ZIP_DEFLATED)
    refused(path, "zip bomb")


def test_deep_json_and_damage_inside_a_bundle(tmp_path: Path) -> None:
    refused(bundle(tmp_path / "deep.otioz", {"content.otio": b"[" * 60_000}), "nested deeper")
    path = bundle(tmp_path / "hurt.otioz", {"content.otio": b'{"a": 1}' * 1000}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    data[45:60] = b"\xff" * 15
    refused(written(tmp_path / "hurt.otioz", bytes(data)), "bundle")
    refused(written(tmp_path / "cut.otioz", path.read_bytes()[:-30]), "not a sound .otioz bundle")
