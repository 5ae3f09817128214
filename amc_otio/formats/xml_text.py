"""Text that XML can hold."""

from __future__ import annotations

import re
from typing import Final

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: object) -> str:
    """Return text without what XML 1.0 cannot hold; U+FFFD stands for each such character."""
    return _NOT_XML.sub("\ufffd", str(text))
