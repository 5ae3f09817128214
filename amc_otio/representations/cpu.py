"""What the processor can do, for the precisions that are only worth having, or only right, with certain instructions.

Eight-bit products without VNNI (or what Arm has in its place) go through 16-bit sums that can overflow, so they may be
wrong and are hardly faster; bfloat16 without hardware for it is emulated.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "int8": ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"),
    "bf16": ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"),
}
"""Any one of these makes a precision worth having; names as Linux gives them."""
_WORDS: Final = {
    "int8": "products of 8 bits (VNNI, AMX or Arm's dot product)",
    "bf16": "products of bfloat16 (AVX512-BF16, AMX or Arm's BF16)",
}
_MACOS: Final = {"FEAT_DotProd": "asimddp", "FEAT_I8MM": "i8mm", "FEAT_BF16": "bf16"}


@lru_cache(maxsize=1)
def instructions() -> frozenset[str] | None:
    """Names of the instruction sets that this processor has; ``None`` where that cannot be known (Windows)."""
    if sys.platform.startswith("linux"):
        return _linux(Path("/proc/cpuinfo"))
    if sys.platform == "darwin":
        return _macos()
    return None


def _linux(cpuinfo: Path) -> frozenset[str] | None:
    try:
        text = cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, values = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(values.split())
    return None


def _macos() -> frozenset[str] | None:
    try:
        ask = ctypes.CDLL(None).sysctlbyname
    except (OSError, AttributeError):
        return None
    found = set()
    for feature, name in _MACOS.items():
        value, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
        if (
            ask(f"hw.optional.arm.{feature}".encode(), ctypes.byref(value), ctypes.byref(size), None, 0) == 0
            and value.value
        ):
            found.add(name)
    return frozenset(found)


def useful(precision: str, has: frozenset[str] | None) -> tuple[str, ...]:
    """Those of the instructions that a precision needs which the processor has; empty where that is not known."""
    return tuple(name for name in NEEDED[precision] if has is not None and name in has)


def refusal(precision: str, has: frozenset[str] | None) -> str:
    """Why a precision is not offered on this processor, or an empty text. Where nothing is known the check decides."""
    if has is None or useful(precision, has):
        return ""
    return f"this processor has no {_WORDS[precision]}, so {precision} would not be faster, and may be wrong"
