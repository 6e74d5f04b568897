"""One Chromium for all tests of a worker; accounts, forums and daemons as the tests from outside have them."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, running_chromium
from tests.e2e.conftest import data_dir, pds, scene

__all__ = ["chromium", "data_dir", "pds", "scene"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with running_chromium() as chromium:
        yield chromium
