"""A run killed at any moment loses at most what was in flight; two runs at once do not hurt each other."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from library_helpers import child_environment, content_of, shard_files

from amc_otio.library.library import Library

CHILD = """
import signal
import sys
from pathlib import Path
from amc_otio.library import Library

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to Ctrl-C
    library, clips, workers = sys.argv[1:]
    with Library.open(library) as opened:
        report = opened.index(Path(clips).read_text().splitlines(), "mfcc", workers=int(workers))
    print(report.embedded, report.reused, len(report.failed), flush=True)
"""
ENOUGH = 30
HOLD = """
import time
from amc_otio.library import executors

embed = executors.embed_source

def held(job, stop):
    if len(list(Path(sys.argv[1], "vectors").glob("*/[!.]*.safetensors"))) >= ENOUGH:
        while not stop():
            time.sleep(0.01)
    return embed(job, stop=stop)

executors.embed_source = held
"""
"""In the child, which workers import again: with so many shards there, the next job waits for the end of the run."""
COUNT = 200
KILLS = 10


@pytest.fixture(scope="module")
def clips(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text file that names the clips."""
    paths = sorted((shared_data / "retrieval-dev" / "clips").iterdir())[:COUNT]
    file = tmp_path_factory.mktemp("clips") / "clips.txt"
    file.write_text("\n".join(map(str, paths)))
    return file


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A file, not -c: spawned workers import the main module again.
    path = tmp_path_factory.mktemp("child") / "child.py"
    path.write_text(CHILD)
    return path


@pytest.fixture(scope="module")
def undisturbed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "lib"
    with Library.open(folder) as library:
        assert library.index(clips.read_text().splitlines(), "mfcc", workers=1).embedded == COUNT
    return folder


def start(child: Path, folder: Path, clips: Path, workers: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(child), str(folder), str(clips), str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=child_environment())


def shards_there(folder: Path) -> int:
    return len(list((folder / "vectors").glob("*/[!.]*.safetensors")))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no kill -9")
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_ten_times_then_run_gives_the_undisturbed_library(
    workers: int, clips: Path, child: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lib"
    generator = random.Random(2024 + workers)
    killed_while_working = 0
    for _ in range(KILLS):
        before = shards_there(folder)
        process = start(child, folder, clips, workers)
        # A random moment after it has begun to write: else most kills would only hit the imports.
        first = before + generator.randint(0, 3)
        while process.poll() is None and shards_there(folder) < first:
            time.sleep(0.001)
        time.sleep(generator.uniform(0, 0.05))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.2)  # workers see that their parent is gone
        killed_while_working += before < shards_there(folder) < COUNT
    assert killed_while_working >= 3
    there = shards_there(folder)
    with Library.open(folder) as library:
        report = library.index(clips.read_text().splitlines(), "mfcc", workers=workers)
    assert (report.embedded, report.reused, report.failed) == (COUNT - there, there, ())
    assert content_of(folder) == content_of(undisturbed)
    assert not [path for path in folder.rglob(".tmp-*")]
    assert not list((folder / "locks").glob("run-*"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no kill -9")
def test_no_worker_outlives_a_killed_run(clips: Path, child: Path, tmp_path: Path) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to see the processes")
    folder = tmp_path / "lib"
    process = start(child, folder, clips, 2)
    while shards_there(folder) == 0 and process.poll() is None:
        time.sleep(0.01)
    workers = [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    assert workers
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while any(_runs(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(worker) for worker in workers)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_keeps_what_was_done(clips: Path, undisturbed: Path, tmp_path: Path) -> None:
    # However late the signal comes on a busy machine, the run is not over by then.
    start_of_child, main = CHILD.split("if __name__", 1)
    held = tmp_path / "held.py"
    held.write_text(f"{start_of_child}ENOUGH = {ENOUGH}\n{HOLD}\nif __name__{main}")
    folder = tmp_path / "lib"
    process = start(held, folder, clips, 2)
    while shards_there(folder) < ENOUGH and process.poll() is None:
        time.sleep(0.001)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    there = shards_there(folder)
    assert ENOUGH <= there < COUNT
    with Library.open(folder) as library:
        report = library.index(clips.read_text().splitlines(), "mfcc", workers=1)
    assert report.embedded == COUNT - there
    assert content_of(folder) == content_of(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_two_processes_at_once_make_one_library(
    workers: int, clips: Path, child: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "lib"
    processes = [start(child, folder, clips, workers) for _ in range(2)]
    for process in processes:
        output, _ = process.communicate(timeout=120)
        embedded, reused, failed = map(int, output.split())
        assert process.returncode == 0
        assert (embedded + reused, failed) == (COUNT, 0)
    assert content_of(folder) == content_of(undisturbed)
    assert len(shard_files(folder)) == COUNT
