"""The audition page's own files as one: modules as ``data:`` addresses in an import map, and a policy that asks nothing
of any network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("page")
_IMPORT: Final = re.compile(r'^((?:import|export)\b[^;"\']*?\bfrom\s+)"\./([a-z_]+\.js)";', re.MULTILINE)
_NOT_ALONE: Final = re.compile(
    r"^\s*import\s*[\"']|\bimport\s*\(|\bimport\.meta\b|\baddModule\s*\(|\bnew Worker\b", re.M
)
_STYLE: Final = re.compile(r'<link\b[^>]*\bhref="(?:page/)?style\.css"[^>]*>')
_START: Final = re.compile(r'<script\b[^>]*\bsrc="(?:page/)?main\.js"[^>]*>\s*</script>')
_LEFT: Final = re.compile(r'<(?:script|link|img|iframe|source|video|audio)\b[^>]*\b(?:src|href)="(?!data:|#)[^"]+"')
_STARTER: Final = 'import "amc/main.js";'


class OneFile:
    """The page's own files as the beginning and the end of the exported one.

    Parameters
    ----------
    folder
        Where they are.

    Raises
    ------
    ValueError
        When the page is of another form than this module knows: a file would be missing from it.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        files = {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.is_file()}
        modules = {name: files[name] for name in sorted(files) if name.endswith(".js")}
        imports = {f"amc/{name}": _address(alone(name, text, set(modules))) for name, text in modules.items()}
        import_map = json.dumps({"imports": imports}, separators=(",", ":"))
        style = files["style.css"]
        need("</style" not in style.lower() and "@import" not in style, "style.css cannot be put into the page")
        html = _whole_comments(files["index.html"])
        html, styles = _STYLE.subn(lambda _: f"<style>{style}</style>", html)
        html, starts = _START.subn("", html)
        need(styles == 1 and starts == 1, "index.html has not one style.css and one main.js")
        left = _LEFT.search(html)
        need(left is None, f"index.html asks for another file: {left and left[0]}")
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(style, import_map, _STARTER)}">'
        html, charsets = re.subn(r'(<meta charset="utf-8"\s*/?>)', lambda m: m[1] + meta, html, flags=re.IGNORECASE)
        need(charsets == 1, "index.html does not say that it is UTF-8")
        html, heads = re.subn(r"</head>", lambda _: f'<script type="importmap">{import_map}</script></head>', html)
        self.head, body, end = html.rpartition("</body>")
        need(heads == 1 and bool(body), "index.html has no head or no body")
        self.tail = f'<script type="module">{_STARTER}</script>{body}{end}'


def alone(name: str, text: str, known: set[str]) -> str:
    """Return a module whose imports are bare names of an import map, which is what ``data:`` addresses can import.

    Raises
    ------
    ValueError
        Where it imports in another form than ``import … from "./name.js";``.
    """
    missing = {found[2] for found in _IMPORT.finditer(text)} - known
    need(not missing, f"{name} imports {sorted(missing)}, which the page has not")
    made = _IMPORT.sub(lambda found: f'{found[1]}"amc/{found[2]}";', text)
    other = _NOT_ALONE.search(made)
    need(other is None, f"{name} loads something in a way that one file cannot: {other and other[0]}")
    need('"./' not in made and "'./" not in made, f"{name} names a file beside it")
    return made


def policy(style: str, *scripts: str) -> str:
    """Content security policy of the file: these scripts, the modules and pictures that it holds, and no network.

    No text becomes markup or script by way of the DOM either (`require-trusted-types-for`, where the browser has it).
    """
    hashes = " ".join(hash_of(one) for one in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes} data:",
            f"style-src {hash_of(style)}",
            "img-src data: blob:",
            "media-src data: blob:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def in_script(value: Any) -> str:
    """JSON that is safe inside a script element: ASCII without ``<``, so that no text ends the element or comments."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _address(module: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(module.encode("utf-8")).decode("ascii")


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _whole_comments(html: str) -> str:
    """The markup without its comments, in which nothing is replaced."""
    return re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)


def need(true: bool, problem: str) -> None:
    if not true:
        raise ValueError(problem)
