"""The units in docker/systemd: what they start exists, and systemd understands them."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from speaker_search.cli import STOPPED, USAGE
from speaker_search.cli.program import app
from speaker_search.web.serving.server import GRACE_S

UNITS = sorted((Path(__file__).resolve().parents[2] / "docker" / "systemd").glob("*.service"))
PROGRAM = "/opt/spksearch/bin/spksearch"


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's names have capitals
    parser.read(unit, "utf-8")
    return parser


def test_there_is_a_unit_for_servers_and_one_for_workers() -> None:
    assert [unit.name for unit in UNITS] == ["spksearch-worker@.service", "spksearch@.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists_with_flags_that_it_has(unit: Path) -> None:
    program, command, *words = read(unit)["Service"]["ExecStart"].split()
    parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    flags = {flag for parameter in parameters for flag in parameter.opts}
    assert program == PROGRAM
    assert {word for word in words if word.startswith("--")} <= flags


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_waits_for_a_clean_end_and_starts_again_only_what_may_work_then(unit: Path) -> None:
    service = read(unit)["Service"]
    assert float(service["TimeoutStopSec"]) > GRACE_S
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", str(USAGE))
    assert service.get("SuccessExitStatus") == (str(STOPPED) if "worker" in unit.name else None)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_writes_only_below_its_own_folders(unit: Path) -> None:
    service = read(unit)["Service"]
    assert service["ProtectSystem"] == "strict"
    folders = dict(part.split("=") for part in service["Environment"].split())
    assert folders["SPKSEARCH_HOME"] == f"/var/lib/{service['StateDirectory']}"
    assert folders["HF_HOME"] == f"/var/cache/{service['CacheDirectory']}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_a_unit(unit: Path, tmp_path: Path) -> None:
    """Except that the program is elsewhere here."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text("utf-8").replace(PROGRAM, sys.executable), "utf-8")
    asked = ["systemd-analyze", "verify", "--man=no", str(copy).replace("@.", "@8000.")]
    shutil.copy(copy, asked[-1])
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.stem in line]) == (0, [])
