"""Charts as files: pictures, and pages that need nothing else."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.errors import UsageError
from speaker_search.pictures import font
from speaker_search.pictures.charts import Chart, Table, page, png, save, svg

HOSTILE = [
    "白瀬 ひかり",
    "</script><b>bold</b>",
    "a\x08b\x01",
    "{{datum}}",
    "'\"&",
    "",
    "髙橋﨑",
    "true",
    "2001-01-01",
    "\ufffe",
]


def named(names: list[str]) -> Chart:
    """The names as points with labels."""
    rows = [{"x": place, "name": name} for place, name in enumerate(names)]
    x = {"field": "x", "type": "quantitative"}
    name = {"field": "name", "type": "nominal"}
    shown = [
        {"mark": "point", "encoding": {"x": x, "color": name, "tooltip": name}},
        {"mark": "text", "encoding": {"x": x, "text": name}},
    ]
    return Chart({"title": "声", "data": {"values": rows}, "layer": shown})


def test_equal_charts_are_equal_bytes() -> None:
    assert png(named(HOSTILE)) == png(named(HOSTILE))
    assert page("声", [named(HOSTILE)]) == page("声", [named(HOSTILE)])


def test_parts_of_a_picture_are_numbered_anew_whatever_was_drawn_before() -> None:
    at = {"field": "x", "type": "quantitative"}
    shade = {**at, "legend": {"title": "url(#clip0)"}}
    mark = {"type": "line", "clip": True}
    chart = Chart({"data": {"values": [{"x": 1}]}, "mark": mark, "encoding": {"x": at, "color": shade}})
    one, other = svg(chart), svg(chart)
    assert one == other
    parts = re.findall(' id="(part[0-9]+)"', one)
    assert len(parts) == 2
    assert all(f'="url(#{part})"' in one for part in parts)
    assert ">url(#clip0)<" in one


def test_a_picture_shows_names_as_text() -> None:
    words = [element.text for element in ET.fromstring(svg(named(HOSTILE))).iter() if element.tag.endswith("}text")]  # noqa: S314
    assert {"白瀬 ひかり", "</script><b>bold</b>", "a\ufffdb\ufffd", "{{datum}}", "'\"&"} <= set(words)


@given(st.lists(st.text(max_size=8), max_size=4))
@settings(max_examples=8, deadline=None)
def test_any_name_can_be_drawn(names: list[str]) -> None:
    ET.fromstring(svg(named(names)))  # noqa: S314


def test_a_picture_carries_the_glyphs_of_its_names_and_no_others() -> None:
    short, long = svg(named(["白"])), svg(named(["白瀬ひかり渚紅葉"]))
    assert "@font-face" in short
    assert len(short) < len(long) < 100_000


def test_a_page_asks_nobody_and_runs_no_name() -> None:
    written = page("<i>題</i>", [named(HOSTILE), "<b>words</b>", Table(("<u>", "n"), [("<s>", 1.0), (None, 2000)])])
    assert '<meta charset="utf-8">' in written
    assert "default-src 'none'" in written
    assert "unsafe-eval" not in written
    around = re.sub("<script>.*?</script>", "", written, flags=re.DOTALL)
    assert [tag for tag in ("<i>", "<b>", "<u>", "<s>", "src=", "href=") if tag in around] == []
    assert '<td>&lt;s&gt;</td><td class="number">1.000</td>' in around
    (spec,) = re.findall('<script type="application/json" class="spec">(.*?)</script>', around, flags=re.DOTALL)
    assert json.loads(spec)["data"]["values"][1]["name"] == "</script><b>bold</b>"


def test_a_page_of_words_has_no_script() -> None:
    assert "<script" not in page("Words", ["one", "two"])


@pytest.mark.parametrize(("ending", "start"), [(".svg", b"<svg"), (".PNG", b"\x89PNG"), (".html", b"<!doctype html>")])
def test_the_ending_says_what_is_written_and_an_older_file_is_replaced(
    ending: str, start: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"chart{ending}"
    path.write_text("older")
    save(path, "Chart", [named(["a"]), named(["b"])])
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("chart.gif", "does not end in .svg, .png or .html"),
        ("chart", "does not end in"),
        ("none/chart.svg", "There is no folder"),
        ("folder.svg", "is a folder"),
    ],
)
def test_what_cannot_be_a_file_is_said(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(UsageError, match=words):
        save(tmp_path / name, "Chart", [named(["a"])])


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is one of POSIX")
def test_a_picture_that_does_not_fit_leaves_the_older_one(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "chart.svg"
    path.write_text("older")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(UsageError, match="cannot be written: File too large"):
            save(path, "Chart", [named(["a"])])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["older"]


def test_words_alone_are_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no chart to draw"):
        save(tmp_path / "words.svg", "Words", ["one"])
    assert list(tmp_path.iterdir()) == []


def test_widths_are_those_of_the_font() -> None:
    assert font.widths(["", "i", "W", "白瀬", "\U0001f600"]) == pytest.approx([0, 0.270, 0.928, 2, 1], abs=0.001)
