from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.organization.official import Official, official


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Official]:
    async with official(tmp_path) as opened:
        yield opened
