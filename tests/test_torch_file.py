"""Hostile and damaged checkpoints: nothing of them runs, and each gives one clear error."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import checkpoints as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_otio.errors import RepresentationError
from amc_otio.models.checkpoint_file import SafetensorsFile, checkpoint_path, open_checkpoint
from amc_otio.models.torch_file import CheckpointError, TorchFile

NUMBERS = np.arange(6, dtype=np.float32).tobytes()
GOOD = made.pickled(made.mapping({"w": made.tensor("0", (2, 3))}))


def refused(path: Path) -> str:
    """The error that opening the file and reading all of it gives."""
    with pytest.raises(CheckpointError) as caught:
        opened = open_checkpoint(path)
        for key in opened:
            opened[key]
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


# ---------------------------------------------------------------- what is read


def test_tensors_come_by_name(tmp_path: Path) -> None:
    given = {
        "a.weight": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32),
        "b.half": np.array([1.5, -2.25], np.float16),
        "c.count": np.array(7, np.int64),
        "d.empty": np.zeros((0, 4), np.float32),
    }
    opened = open_checkpoint(made.write_state(tmp_path / "m.pt", given))
    assert list(opened) == list(given)
    for key, value in given.items():
        assert opened.shape(key) == value.shape
        np.testing.assert_array_equal(opened[key], value)
    assert opened["b.half"].dtype == np.float32 and opened["c.count"].dtype == np.int64


def test_views_transposes_and_shared_storages(tmp_path: Path) -> None:
    state = made.mapping(
        {
            "row": made.tensor("0", (3,), offset=3, count=6),
            "turned": made.tensor("0", (3, 2), stride=(1, 3), count=6),
            "brain": made.tensor("1", (2,), kind="BFloat16Storage"),
            "flag": made.tensor("2", (2,), kind="BoolStorage"),
            "double": made.tensor("3", (1,), kind="DoubleStorage"),
        }
    )
    others = {"0": NUMBERS, "1": b"\x80\x3f\x00\xc0", "2": b"\x00\x01", "3": struct.pack("<d", 0.1)}
    opened = TorchFile(made.write_zip(tmp_path / "m.pt", made.pickled(state), others))
    np.testing.assert_array_equal(opened["row"], [3, 4, 5])
    np.testing.assert_array_equal(opened["turned"], np.arange(6).reshape(2, 3).T)
    np.testing.assert_array_equal(opened["brain"], [1.0, -2.0])
    np.testing.assert_array_equal(opened["flag"], [False, True])
    assert opened["double"][0] == np.float32(0.1)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_saves_is_read(tmp_path: Path, protocol: int) -> None:
    torch = pytest.importorskip("torch")
    inner = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict()
    everything = {
        "epoch": np.int64(45),
        "score": np.float64(0.91),
        "state_dict": OrderedDict((f"module.{key}", value) for key, value in inner.items()),
        "extra": torch.nn.Parameter(torch.ones(2)),
        "optimizer": {"state": {0: {"step": 3, "exp_avg": torch.ones(3)}}, "groups": [{"betas": (0.9, 0.99)}]},
    }
    everything["state_dict"]._metadata = inner._metadata  # type: ignore[attr-defined]
    path = tmp_path / "m.pt"
    torch.save(everything, path, pickle_protocol=protocol)
    opened = TorchFile(path)
    assert set(opened) == {f"module.{key}" for key in inner}
    for key, value in inner.items():
        np.testing.assert_array_equal(opened[f"module.{key}"], value.numpy())


def test_one_storage_under_two_types_is_read_twice(tmp_path: Path) -> None:
    state = {"floats": made.tensor("0", (6,)), "halves": made.tensor("0", (12,), kind="HalfStorage")}
    opened = TorchFile(made.write_zip(tmp_path / "m.pt", made.pickled(made.mapping(state)), {"0": NUMBERS}))
    np.testing.assert_array_equal(opened["floats"], np.arange(6))
    np.testing.assert_array_equal(opened["halves"], np.frombuffer(NUMBERS, np.float16))
    np.testing.assert_array_equal(opened["floats"], np.arange(6))


def test_a_tensor_is_read_only_when_it_is_asked_for(tmp_path: Path) -> None:
    state = made.mapping({"good": made.tensor("0", (2, 3)), "absent": made.tensor("9", (2, 3))})
    opened = TorchFile(made.write_zip(tmp_path / "m.pt", made.pickled(state), {"0": NUMBERS}))
    assert opened["good"].shape == (2, 3)
    with pytest.raises(CheckpointError, match="absent"):
        opened["absent"]


# ---------------------------------------------------------------- pickles that would do something


def attacks(sentinel: Path) -> dict[str, bytes]:
    """Pickles that make `sentinel` when a real unpickler loads them (or would reach beyond plain data)."""
    command = f"touch {sentinel}"
    code = f"open({str(sentinel)!r}, 'w').close()"
    system = made.name("os", "system")
    stacked = made.text("os") + made.text("system") + b"\x93"  # STACK_GLOBAL
    evaluate = made.name("builtins", "eval")
    plain = made.tensor("0", (2, 3))
    instance = b"(" + made.text(command) + b"ios\nsystem\n"  # INST
    objected = b"(" + system + made.text(command) + b"o"  # OBJ
    return {
        "os.system": made.call(system, made.text(command)),
        "posix.system": made.call(made.name("posix", "system"), made.text(command)),
        "eval": made.call(evaluate, made.text(code)),
        "exec": made.call(made.name("builtins", "exec"), made.text(code)),
        "python 2's name": made.call(made.name("__builtin__", "eval"), made.text(code)),
        "STACK_GLOBAL": stacked + made.group(made.text(command)) + b"R",
        "INST": instance,
        "OBJ": objected,
        "NEWOBJ": made.name("subprocess", "Popen") + made.group(made.text(command)) + b"\x81",
        "BUILD": b"}" + made.call(system, made.text(command)) + b"b",
        "inside a state dict": made.mapping({"w": plain, "x": made.call(system, made.text(command))}),
        "as a dictionary's key": b"}" + made.call(system, made.text(command)) + made.whole(1) + b"s",
        "as a tensor's shape": made.call(
            made.name("torch._utils", "_rebuild_tensor_v2"), made.call(system, made.text(command))
        ),
        "in a storage's place": made.call(system, made.text(command)) + b"Q",
        "through an allowed name": made.call(made.name("collections", "OrderedDict.fromkeys.__globals__")),
        "torch.load in torch": made.call(made.name("torch", "load"), made.text("x")),
        "a getter": made.call(made.name("builtins", "getattr"), system, made.text("__self__")),
        "an extension code": b"\x82\x01",
        "another file": made.call(made.name("torch.storage", "_load_from_bytes"), b"C\x01x"),
        "a call of a dictionary": b"}" + made.group() + b"R",
        "a call of a tensor": plain + made.group() + b"R",
    }


@pytest.mark.parametrize("which", sorted(attacks(Path("x"))))
@pytest.mark.parametrize("wrapped", [False, True])
def test_nothing_of_a_hostile_pickle_runs(tmp_path: Path, which: str, wrapped: bool) -> None:
    sentinel = tmp_path / "ran"
    body = attacks(sentinel)[which]
    if wrapped:
        body = made.mapping({"state_dict": made.mapping({"w": made.tensor("0", (2, 3))}), "more": body})
    message = refused(made.write_zip(tmp_path / "m.pt", made.pickled(body, 4), {"0": NUMBERS}))
    assert not sentinel.exists()
    assert "nothing of it was run" in message


def test_the_attacks_are_real(tmp_path: Path) -> None:
    for which in ("os.system", "STACK_GLOBAL", "INST", "OBJ", "eval", "inside a state dict"):
        sentinel = tmp_path / which.replace(" ", "-")
        body = attacks(sentinel)[which]
        if which == "inside a state dict":
            body = made.mapping({"x": attacks(sentinel)["os.system"]})
        pickle.loads(made.pickled(body, 4))  # noqa: S301 - to see that the sentinel would tell
        assert sentinel.exists(), which


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"}" + b"q\x00" + b"h\x00" * 5 + b"0", id="an instruction that is not known"),
        pytest.param(b"h\x07", id="memory that was never filled"),
        pytest.param(b"t", id="a tuple without a beginning"),
        pytest.param(b"(", id="a beginning alone"),
        pytest.param(b"]" + b"N" + b"s", id="a list used as a dictionary"),
        pytest.param(b"}" + b"]" + b"N" + b"s", id="a list as a key"),
        pytest.param(b"N", id="nothing"),
        pytest.param(b"]", id="a list"),
        pytest.param(made.mapping({"w": made.text("no tensor")}), id="no tensors"),
        pytest.param(b"I1\n", id="text of protocol 0"),
        pytest.param(b"\x96" + struct.pack("<Q", 2**40), id="a huge buffer"),
        pytest.param(b"\x8d" + struct.pack("<Q", 2**60) + b"x", id="a huge text"),
        pytest.param(b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x", id="a huge number"),
        pytest.param(b"\x95" + struct.pack("<Q", 2**62), id="a huge frame"),
        # Thirty tuples, each of the last one twice: as a key their hash would take 2 ** 30 steps.
        pytest.param(
            b"})" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(30)) + b"Ns", id="tuples in tuples as a key"
        ),
    ],
)
def test_damaged_pickles_are_refused(tmp_path: Path, body: bytes) -> None:
    refused(made.write_zip(tmp_path / "m.pt", made.pickled(body, 4)))


def test_an_endless_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc_otio.models.plain_pickle.MAX_OPCODES", 1000)
    message = refused(made.write_zip(tmp_path / "m.pt", made.pickled(b"]" + b"N" * 2000)))
    assert "on and on" in message


def test_a_memory_place_far_out_costs_nothing(tmp_path: Path) -> None:
    far = b"r" + struct.pack("<I", 2**32 - 1)
    opened = TorchFile(made.write_zip(tmp_path / "m.pt", GOOD[:-1] + far + b".", {"0": NUMBERS}))
    assert list(opened) == ["w"]


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(made.tensor("0", (2, 4), count=6), id="larger than its storage"),
        pytest.param(made.tensor("0", (2, 3), offset=1, count=6), id="offset beyond its storage"),
        pytest.param(made.tensor("0", (2, 3), stride=(30, 1), count=6), id="stride beyond its storage"),
        pytest.param(made.tensor("0", (2, 3), stride=(-3, 1), count=6), id="negative stride"),
        pytest.param(made.tensor("0", (2, 3), stride=(3,), count=6), id="stride of another length"),
        pytest.param(made.tensor("0", (10**9, 10**3), stride=(0, 0), count=6), id="one number a million million times"),
        pytest.param(made.tensor("0", (2**40, 2**40), count=2**47), id="more than any machine holds"),
        pytest.param(made.tensor("0", (0, 2**47, 2**47), stride=(1, 1, 1), count=6), id="nothing, of a huge shape"),
        pytest.param(made.tensor("0", (2, 3), count=2**47), id="a storage that is not there in that size"),
        pytest.param(made.tensor("0", (1,) * 9, count=6), id="nine axes"),
        pytest.param(made.tensor("../../etc/passwd", (2, 3)), id="a path for a storage"),
        pytest.param(made.tensor("0", (2, 3), kind="QInt8Storage"), id="a storage of an unknown kind"),
    ],
)
def test_tensors_that_lie_outside_their_storage_are_refused(tmp_path: Path, state: bytes) -> None:
    refused(made.write_zip(tmp_path / "m.pt", made.pickled(made.mapping({"w": state})), {"0": NUMBERS}))


# ---------------------------------------------------------------- archives


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = made.write_zip(tmp_path / "good.pt", GOOD, {"0": NUMBERS}).read_bytes()
    path = tmp_path / "m.pt"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path)


def test_a_flipped_bit_in_the_numbers_is_seen(tmp_path: Path) -> None:
    path = made.write_zip(tmp_path / "m.pt", GOOD, {"0": NUMBERS})
    made.damaged_sum(path, "archive/data/0")
    assert "check sum" in refused(path)


def test_compressed_entries_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    bomb = made.write_zip(tmp_path / "m.pt", GOOD, {"0": bytes(50_000_000)}, deflate=True)
    assert bomb.stat().st_size < 100_000
    assert "compressed" in refused(bomb)


def test_a_huge_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc_otio.models.torch_file.MAX_PICKLE", 1000)
    assert "too large" in refused(made.write_zip(tmp_path / "m.pt", GOOD + bytes(2000), {"0": NUMBERS}))


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc_otio.models.torch_file.MAX_ENTRIES", 3)
    refused(made.write_zip(tmp_path / "m.pt", GOOD, {str(i): b"" for i in range(9)}))
    monkeypatch.setattr("amc_otio.models.torch_file.MAX_DIRECTORY", 100)
    assert "directory" in refused(made.write_zip(tmp_path / "m.pt", GOOD, {"0": NUMBERS}))


def test_names_in_the_archive_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(NUMBERS)
    inner = tmp_path / "inner"
    inner.mkdir()
    path = made.write_zip(inner / "m.pt", GOOD, {"0": NUMBERS}, root="../")
    before = sorted(tmp_path.rglob("*"))
    np.testing.assert_array_equal(TorchFile(path)["w"].ravel(), np.arange(6))  # from the archive, not from ../data/0
    assert sorted(tmp_path.rglob("*")) == before


def test_two_entries_of_one_name_and_two_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a/data.pkl", GOOD)
        archive.writestr("a/data.pkl", GOOD)
    assert "two entries" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", GOOD)
        archive.writestr("b/data.pkl", GOOD)
    assert "no torch checkpoint" in refused(path)


def test_an_entry_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    path = made.write_zip(tmp_path / "m.pt", GOOD, {"0": NUMBERS})
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)  # the second entry of the directory: data/0
    for place in (5, len(data) - 4, 2**31):
        data[at + 42 : at + 46] = struct.pack("<L", place)
        path.write_bytes(bytes(data))
        refused(path)


def test_bare_pickles_and_other_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "bare pickle" in refused(path) and "save it again" in refused(path)
    for data in (
        b"",
        b"PK",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        b"<!DOCTYPE html>",
        bytes(99),
    ):
        path.write_bytes(data)
        refused(path)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_pickle_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "m.pt"
    made.write_zip(path, b"\x80\x04" + body, {"0": NUMBERS})
    try:
        opened = TorchFile(path)
        for key in opened:
            opened[key]
    except CheckpointError:
        pass


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
@settings(max_examples=300)
def test_a_good_pickle_with_other_bytes_in_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, other: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "m.pt"
    made.write_zip(path, GOOD[:at] + other + GOOD[at + len(other) :], {"0": NUMBERS})
    try:
        opened = TorchFile(path)
        for key in opened:
            opened[key]
    except CheckpointError:
        pass


# ---------------------------------------------------------------- safetensors and folders


def test_safetensors_are_read(tmp_path: Path) -> None:
    given = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, 2], np.float16)}
    opened = open_checkpoint(made.write_safetensors(tmp_path / "m.bin", given))
    assert isinstance(opened, SafetensorsFile)
    for key, value in given.items():
        np.testing.assert_array_equal(opened[key], value)
        assert opened.shape(key) == value.shape


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 240]},
        {"dtype": "F32", "shape": [2, 30], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [2, 3], "data_offsets": [24, 0]},
        {"dtype": "F32", "shape": [-2, -3], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [2.0, 3], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [0, 140737488355328, 140737488355328], "data_offsets": [0, 0]},
        {"dtype": "X9", "shape": [2, 3], "data_offsets": [0, 24]},
        {"dtype": ["F32"], "shape": [2, 3], "data_offsets": [0, 24]},
        {"shape": [2, 3], "data_offsets": [0, 24]},
        [],
        None,
    ],
)
def test_safetensors_headers_are_not_believed(tmp_path: Path, entry: object) -> None:
    packed = json.dumps({"a": entry}).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + NUMBERS)
    refused(path)


def test_a_safetensors_header_of_any_length_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for length in (2**63, 2**30, 17 * 2**20, 0, 1):
        path.write_bytes(struct.pack("<Q", length) + b'{"a": 1}')
        refused(path)
    path.write_bytes(struct.pack("<Q", 60_000) + b"{" + b'"a":[' * 11_999 + b"     ")
    refused(path)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_safetensors_header_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(body) + 1) + b"{" + body)
    try:
        opened = open_checkpoint(path)
        for key in opened:
            opened[key]
    except CheckpointError:
        pass


def test_the_safe_file_of_a_folder_comes_first(tmp_path: Path) -> None:
    with pytest.raises(RepresentationError, match=r"model\.safetensors"):
        checkpoint_path(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    assert checkpoint_path(tmp_path).name == "pytorch_model.bin"
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert checkpoint_path(tmp_path).name == "model.safetensors"
    with pytest.raises(RepresentationError, match="no such file"):
        checkpoint_path(tmp_path / "absent.pt")
