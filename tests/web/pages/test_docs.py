"""The page of the API: all of the description, and requests sent from it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from web.pages.conftest import Visit

from speaker_search.web.pages.reference import limits_of, prose, type_of


@pytest.fixture
def described(http: httpx.Client) -> dict[str, Any]:
    description: dict[str, Any] = http.get("/openapi.json").json()
    return description


def parts(html: str, tag: str) -> dict[str, str]:
    """Each element of a kind by the id on it or first in it."""
    return {re.findall(r' id="([^"]+)"', part)[0]: part for part in html.split(f"<{tag} ")[1:] if " id=" in part}


def test_every_operation_is_there_with_its_parameters_answers_and_problems(
    http: httpx.Client, described: dict[str, Any]
) -> None:
    shown = parts(http.get("/docs").text, "article")
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            part = shown.pop(operation["operationId"])
            assert f"{method.upper()}</span> {path}</code>" in part
            assert all(f"<code>{one['name']}</code>" in part for one in operation.get("parameters", []))
            assert all(f"<code>{kind}</code>" in part for kind in operation.get("requestBody", {}).get("content", {}))
            for status, answer in operation["responses"].items():
                kinds = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
                assert all(f'{status} <a href="#problem-{kind}">' in part for kind in kinds)
                assert kinds or f"Answer {status}</h4>" in part
    assert shown == {}


def test_every_schema_is_there_with_its_properties_and_every_problem(
    http: httpx.Client, described: dict[str, Any]
) -> None:
    shown = parts(http.get("/docs").text, "section")
    for name, schema in described["components"]["schemas"].items():
        part = shown[f"schema-{name}"]
        assert [key for key in schema.get("properties", {}) if f"<code>{key}</code>" not in part] == []
    for kind, example in described["components"]["examples"].items():
        assert example["value"]["type"] in shown[f"problem-{kind}"]


def test_every_link_within_the_page_leads_somewhere(http: httpx.Client) -> None:
    html = http.get("/docs").text
    assert set(re.findall(r'href="#([^"]+)"', html)) - set(re.findall(r' id="([^"]+)"', html)) == set()


def test_types_and_limits_are_said_as_programmers_write_them() -> None:
    maybe = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "null"}], "default": None}
    assert type_of(maybe) == "integer or null"
    assert limits_of(maybe) == "from 1, to 9, default null"
    assert type_of({"type": "array", "items": maybe}) == "(integer or null)[]"
    assert type_of({"$ref": "#/components/schemas/Clip"}) == '<a href="#schema-Clip">Clip</a>'
    assert type_of({"enum": ["<b>"]}) == "&#34;&lt;b&gt;&#34;"
    assert prose("`a<b`\n\nc") == "<p><code>a&lt;b</code></p><p>c</p>"


def test_requests_are_tried_without_another_server(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    page = visit.open("/docs")
    assert not any("swagger" in url for url in asked)
    for path, answer in (("/v1/makers", "こもれび工房"), ("/v1/games", "星降る坂の約束")):
        page.get_by_role("button", name=f"Try: GET {path}", exact=True).click()
        request = page.locator("article", has=page.get_by_role("button", name=f"Try: GET {path}", exact=True))
        request.get_by_role("button", name="Execute").click()
        request.locator(".live-responses-table").get_by_text(answer).first.wait_for()
    assert len([url for url in asked if url.endswith("swagger-ui-bundle.js")]) == 1
    assert page.locator(".errors-wrapper").count() == 0
