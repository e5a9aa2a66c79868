from pathlib import Path

import pytest

from wit_pipeline.sources.web import api
from wit_pipeline.vocabulary import machine


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interfaces that are asked again at once, and pace files that nobody else reads."""
    monkeypatch.setattr(machine, "folder", lambda: tmp_path)
    monkeypatch.setattr(api, "PAUSE", 0.001)
