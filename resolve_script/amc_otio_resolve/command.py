"""The amc-otio command: found, checked, run with progress, stopped on request."""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time

from amc_otio_resolve.problems import Problem, Stopped

NEEDED = ("--gallery-list", "--progress")
INSTALL = "install it (pip install amc-otio) and run 'amc-otio resolve install'"


def find_command(record):
    """Return the command as a list: from the install record, from AMC_OTIO, from PATH."""
    named = record.get("command")
    if isinstance(named, list) and named and all(isinstance(part, str) for part in named):
        if shutil.which(named[0]):
            return list(named)
    from_environment = os.environ.get("AMC_OTIO")
    if from_environment and shutil.which(from_environment):
        return [from_environment]
    found = shutil.which("amc-otio")
    if found:
        return [found]
    where = " (recorded was {})".format(named[0]) if isinstance(named, list) and named else ""
    raise Problem("The command amc-otio was not found" + where, INSTALL + "; or set AMC_OTIO to where it is")


def _options():
    # Resolve's own PYTHONHOME is for its interpreter, not for another.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}
    environment["PYTHONIOENCODING"] = "utf-8"
    options = {"stdin": subprocess.DEVNULL, "env": environment}
    if os.name == "nt":
        options["creationflags"] = 0x08000000 | 0x00000200  # no console window; a process group of its own
    else:
        options["start_new_session"] = True  # its workers are stopped with it
    return options


def _ask(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, **_options())
    except (OSError, subprocess.SubprocessError) as error:
        raise Problem("{} cannot be run ({})".format(command[0], error), INSTALL)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def check_version(command):
    """Refuse an amc-otio without the options that are used here."""
    code, said = _ask(command + ["propose", "--help"])
    if code != 0 or not all(option in said for option in NEEDED):
        raise Problem(
            "{} is too old for these scripts, or damaged".format(command[0]),
            "update it (pip install --upgrade amc-otio) and run 'amc-otio resolve install' again",
        )


def knows(command, name):
    """Whether amc-otio has a command of this name."""
    return _ask(command + [name, "--help"])[0] == 0


def run(command, folder, progress):
    """Run a command that prints JSON, and return the JSON and the remarks.

    `progress` is called often with a text (or None when there is nothing new) and returns False to stop.
    """
    output = os.path.join(folder, "output.json")
    lines = queue.Queue()
    with open(output, "wb") as stream:
        try:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.PIPE, **_options())
        except OSError as error:
            raise Problem("{} cannot be run ({})".format(command[0], error), INSTALL)
        reader = threading.Thread(target=_read, args=(process.stderr, lines))
        reader.daemon = True
        reader.start()
        remarks = []
        while True:
            ended = process.poll() is not None
            if ended:
                reader.join(10)
            text = None
            while not lines.empty():
                line = lines.get()
                text = _progress_text(line) or text
                if _progress_text(line) is None:
                    remarks.append(line)
            if progress(text) is False and not ended:
                _stop(process)
                raise Stopped()
            if ended:
                break
            time.sleep(0.05)
    if process.returncode != 0:
        said = [line[len("amc-otio: ") :] for line in remarks if line.startswith("amc-otio: ")]
        what = said[-1] if said else "amc-otio ended with code {} {}".format(process.returncode, " ".join(remarks[-2:]))
        raise Problem(what, "see the folder {}".format(folder))
    try:
        with open(output, encoding="utf-8") as stream:
            return json.load(stream), [line for line in remarks if line.startswith("note: ")]
    except ValueError:
        raise Problem("amc-otio printed something that is not JSON", "see {}".format(output))


def start(command, folder):
    """Start a command that stays; return the file that it writes its words to, and why it ended, if it did."""
    log = os.path.join(folder, "audition.log")
    try:
        # It will hold the address of the page, and who knows that may use it: for this user alone.
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, **_options())
    except OSError as error:
        raise Problem("{} cannot be run ({})".format(command[0], error), INSTALL)
    for _ in range(100):  # until it says something
        if process.poll() is not None or os.path.getsize(log):
            break
        time.sleep(0.05)
    try:
        process.wait(0.2)
    except subprocess.TimeoutExpired:
        return log, None
    with open(log, encoding="utf-8", errors="replace") as stream:
        said = [line.strip() for line in stream if line.strip()]
    return log, (said or ["it said nothing"])[-1] if process.returncode else None


def _read(stream, lines):
    for line in iter(stream.readline, b""):
        lines.put(line.decode("utf-8", "replace").rstrip())


def _progress_text(line):
    """A line of progress in words; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        said = json.loads(line)
        text = "{stage}: {done} of {total}".format(**said)
        left = said.get("remaining_s")
    except (ValueError, KeyError, TypeError):
        return None
    return text if left is None else "{}, {:.0f} s left".format(text, left)


def _stop(process):
    """Let it end by itself, as Ctrl-C would, so that what was finished is kept; then not."""
    try:
        if os.name == "nt":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(10)
    except subprocess.TimeoutExpired:
        if os.name != "nt":
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
    except OSError:  # it has just ended
        process.wait()
