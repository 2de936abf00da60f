"""The example for nginx says what is true of the server; nginx itself is asked where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from speaker_search.catalog.database import open_catalog
from speaker_search.documents import MAX_UPLOAD_BYTES
from speaker_search.web.problems import KINDS, PREFIX

ROOT = Path(__file__).resolve().parents[2]
CONF = (ROOT / "docker" / "nginx" / "spksearch.conf").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def block(location: str) -> str:
    found = re.search(rf"(?ms)^    location {re.escape(location)} {{\n(.*?)^    }}", CONF)
    assert found
    return found[1]


def test_the_server_refuses_uploads_before_nginx_does() -> None:
    found = re.search(r"client_max_body_size (\d+)m;", CONF)
    assert found
    assert int(found[1]) * 2**20 > MAX_UPLOAD_BYTES


def test_only_requests_that_change_nothing_are_sent_to_a_second_server() -> None:
    routes = re.findall(r"(?m)^\| `(POST|DELETE) (/v1/[^`]*)` \|", README)
    repeated = {path for method, path in routes if path.startswith("/v1/search")}
    assert repeated == {"/v1/search", "/v1/search/batch"}
    assert "non_idempotent" in block("/v1/search")
    assert "non_idempotent" not in CONF.replace(block("/v1/search"), "")


def test_when_no_server_answers_nginx_says_so_as_the_server_would() -> None:
    said = json.loads(re.findall(r"return 503 '(.*)';", block("@away"))[0])
    kind = KINDS[said["type"].removeprefix(PREFIX)]
    assert (said["status"], said.keys()) == (kind.status, {"type", "title", "status", "detail"})
    assert "Retry-After" in block("@away")


def test_a_process_takes_as_many_connections_of_postgresql_as_the_readme_says(postgres_catalog_url: str) -> None:
    catalog = open_catalog(postgres_catalog_url)
    pool = catalog.engine.pool
    most = pool.size() + pool._max_overflow  # type: ignore[attr-defined]
    catalog.close()
    assert f"{most} x server processes + 2 x workers" in README


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_understands_the_example(tmp_path: Path) -> None:
    """Without its certificates."""
    conf = re.sub(r"(?m)^\s*ssl_.*\n", "", CONF).replace("listen 443 ssl;", "listen 127.0.0.1:8443;")
    paths = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{conf}}}\n", "utf-8"
    )
    words = ["nginx", "-t", "-p", str(tmp_path), "-e", str(tmp_path / "log"), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
