"""The dashboard and the alert rules in docker/monitoring ask for what /metrics has."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from end_to_end.running import Server
from prometheus_client.parser import text_string_to_metric_families

FOLDER = Path(__file__).resolve().parents[2] / "docker" / "monitoring"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
RULES = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"] for rule in group["rules"]
]
OF_PROMETHEUS = {"up": {"job", "instance"}}
#: Functions, operators and the labels that Prometheus adds.
LANGUAGE = {
    "sum",
    "max",
    "by",
    "and",
    "offset",
    "rate",
    "delta",
    "deriv",
    "histogram_quantile",
    "le",
    "job",
    "instance",
}
SELECTOR = re.compile(r"\b([a-z]\w*)\{([^}]*)\}")


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)


@pytest.fixture(scope="module")
def exported(server: Server) -> dict[str, set[str]]:
    """The samples that /metrics has, each with its labels."""
    http = server.client
    http.post("/v1/search", json={"like": [{"clip": 1}]})
    http.get("/v1/characters/999")
    found = defaultdict(set, OF_PROMETHEUS)
    for family in text_string_to_metric_families(http.get("/metrics").text):
        found[f"{family.name}_total" if family.type == "counter" else family.name] |= set()
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return dict(found)


@pytest.mark.parametrize(("name", "expression"), [*expressions()])
def test_every_figure_asked_for_is_exported(name: str, expression: str, exported: dict[str, set[str]]) -> None:
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", "", expression)
    words = set(re.findall(r"\b[a-z]\w*\b", re.sub(r"\boffset \w+", "", bare)))
    figures = {word for word in words if "_" in word or word in OF_PROMETHEUS} - LANGUAGE
    assert figures
    assert figures <= exported.keys()
    labels = set().union(*(exported[figure] for figure in figures)) | LANGUAGE | {"reason"}
    assert words - figures <= labels
    for figure, selector in SELECTOR.findall(expression):
        assert set(re.findall(r"(\w+)=", selector)) <= exported[figure] | {"job", "instance"}


@pytest.mark.parametrize(("name", "expression"), [*expressions()])
def test_every_route_asked_for_is_one_of_the_servers(name: str, expression: str, http: httpx.Client) -> None:
    routes = re.findall(r'route="([^"]*)"', expression)
    assert set(routes) <= http.get("/openapi.json").json()["paths"].keys()


def test_panels_lie_beside_each_other_and_have_ids_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def test_every_alert_waits_has_a_severity_and_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "action"}


def test_a_server_says_whether_it_is_ready_and_how_full_its_disk_is(http: httpx.Client) -> None:
    assert http.get("/readyz").status_code == 200
    figures = dict(line.split(" ") for line in http.get("/metrics").text.splitlines() if re.match(r"[a-z_]+ ", line))
    assert float(figures["spksearch_ready"]) == 1
    assert 0 < float(figures["spksearch_home_free_bytes"]) <= float(figures["spksearch_home_size_bytes"])
