"""What many tests share: where the real media is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A browser's fixtures and a page's server; each is started for a test that asks for it.
pytest_plugins = ["audition_flow", "browser"]

# Examples may take their time on a busy machine; in CI they are the same in every run.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test media beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real media folder ../shared/data is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def examples() -> Path:
    """The bundled real media."""
    return REPOSITORY / "examples"
