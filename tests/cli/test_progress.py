"""The live progress of an ingest on a terminal of 80 columns."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from speaker_search.cli.progress import ingest_progress
from speaker_search.documents import ClusterNode, IngestReport

REPORT = IngestReport(
    phase="embedding",
    opened=123_456,
    of=7_012_345,
    audio_seconds=500_000,
    rate=190,
    refused={"missing": 1_204, "not_audio": 35, "too_short": 12_345},
)


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_refusals_are_cut_off_and_counts_never(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two reasons shrank the counts to "12…" and the time left to "0:…"."""
    for name, value in {"COLUMNS": str(columns), "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    with ingest_progress(live=True) as show:
        show(REPORT)
    shown = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", capsys.readouterr().err)
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.strip()]
    assert lines
    for line in lines:
        assert line.startswith("embedding ")
        assert " 123456/7012345 -:--:-- 138.89 h" in line
        assert cell_len(line) <= columns
        assert line.rstrip().endswith(
            "…" if columns < 160 else "refused: missing 1,204, not_audio 35, too_short 12,345"
        )


CLUSTER = REPORT.model_copy(
    update={
        "elapsed_s": 2_000.0,
        "nodes": [
            ClusterNode(name="gpu-1", workers=2, opened=100_000, audio_seconds=400_000),
            ClusterNode(name="gpu-2", workers=1, opened=23_456, audio_seconds=100_000),
        ],
    }
)


def test_each_node_of_a_cluster_has_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {"COLUMNS": "120", "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    with ingest_progress(live=True) as show:
        show(CLUSTER)
    shown = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", capsys.readouterr().err)
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.strip()]
    for name, opened, words in (
        ("gpu-1", 100_000, "111.11 h at 200 s of audio/s, 2 workers"),
        ("gpu-2", 23_456, "27.78 h at 50 s of audio/s, 1 worker"),
    ):
        drawn = [line for line in lines if name in line]  # each time that the display is drawn
        assert drawn
        assert all(words in line and f"{opened}/?" in line for line in drawn)
