"""What was made for the page is kept while it fits; no thing is made twice at once, nor too much at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

LONGEST_WAY_S: Final = 1.0
"""What makes way goes on after so many seconds, whatever is still being made before it."""
KEPT_BYTES: Final = 256 * 1024 * 1024
"""Most that is kept, in bytes."""

T = TypeVar("T")


class Busy(Exception):
    """So much is being made already that nothing more is taken on now: ask again in a second."""


@dataclass(frozen=True)
class Lane:
    """How many of one kind are made at once, and how many may wait for that; whether all other kinds make way."""

    at_once: int
    queue: int
    first: bool = False


@dataclass
class _Traffic:
    """A lane in use: how many are under way, and the tickets of those that wait, the next one last."""

    lane: Lane
    under_way: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class _Making:
    """Something that one thread makes and others may wait for."""

    done: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: BaseException | None = None


class Store:
    """A bounded memory in front of slow makers; safe among threads.

    Parameters
    ----------
    lanes
        By name. A lane waits for no other but those that are `Lane.first`, and for them no longer than
        `LONGEST_WAY_S` at a time.
    limit
        Most bytes kept; what was used longest ago goes first. What is larger alone is handed out and not kept.
    """

    def __init__(self, lanes: Mapping[str, Lane], limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._held = 0
        self._kept: OrderedDict[object, tuple[Any, int]] = OrderedDict()
        self._making: dict[object, _Making] = {}
        self._traffic = {name: _Traffic(lane) for name, lane in lanes.items()}
        self._tickets = 0
        self._hurried = 0
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """Bytes kept now."""
        return self._held

    def make_way(self) -> None:
        """Wait while something of a lane that is `Lane.first` is wanted now; for makers of other lanes, between steps.

        Processors, and Python's lock, are few: what takes seconds would else hold up what is waited for.
        """
        if self._hurried:
            with self._changed:
                self._changed.wait_for(lambda: not self._hurried, LONGEST_WAY_S)

    def get(
        self,
        lane: str,
        key: tuple[object, ...],
        make: Callable[[], T],
        size: Callable[[T], int] = len,  # type: ignore[assignment]
        later: bool = False,
    ) -> T:
        """Return what was made for a key, or make it.

        Parameters
        ----------
        lane
            Whose turn is waited for when it must be made.
        size
            Bytes of what was made.
        later
            What is not needed yet: everything else that waits goes first.

        Raises
        ------
        Busy
            When the lane's queue is full.
        Exception
            What `make` raises, in every thread that waits for this key; it is not kept.
        """
        with self._changed:
            if key in self._kept:
                self._kept.move_to_end(key)
                value: T = self._kept[key][0]
                return value
            making = self._making.get(key)
            mine = making is None
            if making is None:
                traffic = self._traffic[lane]
                if traffic.under_way >= traffic.lane.at_once and len(traffic.waiting) >= traffic.lane.queue:
                    raise Busy(lane)
                making = self._making[key] = _Making()
        with self._hurry(lane, later):
            if mine:
                return self._make(lane, key, making, make, size, later)
            making.done.wait()
        if making.error is not None:
            raise making.error
        shared: T = making.value
        return shared

    @contextmanager
    def _hurry(self, lane: str, later: bool) -> Iterator[None]:
        """Other lanes make way meanwhile, where this one is first."""
        hurried = self._traffic[lane].lane.first and not later
        with self._changed:
            self._hurried += hurried
        try:
            yield
        finally:
            with self._changed:
                self._hurried -= hurried
                self._changed.notify_all()

    def _make(
        self,
        lane: str,
        key: tuple[object, ...],
        making: _Making,
        make: Callable[[], T],
        size: Callable[[T], int],
        later: bool,
    ) -> T:
        traffic = self._traffic[lane]
        entered = False
        try:
            self._enter(traffic, later)
            entered = True
            if not traffic.lane.first:
                self.make_way()
            value = make()
            making.value = value
            with self._changed:
                self._keep(key, value, size(value))
            return value
        except BaseException as error:
            making.error = error
            raise
        finally:
            with self._changed:
                traffic.under_way -= entered
                del self._making[key]
                self._changed.notify_all()
            making.done.set()

    def _enter(self, traffic: _Traffic, later: bool) -> None:
        with self._changed:
            self._tickets += 1
            ticket = int(later), self._tickets
            traffic.waiting.append(ticket)
            try:
                while traffic.under_way >= traffic.lane.at_once or min(traffic.waiting) != ticket:
                    self._changed.wait()
                traffic.under_way += 1
            finally:
                traffic.waiting.remove(ticket)
                self._changed.notify_all()

    def _keep(self, key: object, value: object, size: int) -> None:
        if size > self._limit:
            return
        self._kept[key] = value, size
        self._held += size
        while self._held > self._limit:
            _, (_, gone) = self._kept.popitem(last=False)
            self._held -= gone
