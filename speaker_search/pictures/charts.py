"""Charts as Vega-Lite specifications, drawn as SVG, PNG or an HTML page that needs no network."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

from speaker_search.errors import UsageError
from speaker_search.new_file import check_place, new_file
from speaker_search.pictures import font

ENDINGS = (".svg", ".png", ".html")
VEGA_LITE = "6.4"
PIXELS = 2.0  # of a PNG to a pixel of the specification
INK, SOFT, LINES = "#1b1b1b", "#555555", "#d9d9d9"
_WORDS = {"labelColor": SOFT, "titleColor": INK, "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal"}
#: How charts look where they do not say. Its font is the one whose glyphs are put into every file.
CONFIG: dict[str, Any] = {
    "font": f"{font.FAMILY}, sans-serif",
    "background": "white",
    "aria": False,  # would describe each of thousands of points
    "padding": 12,
    "view": {"stroke": LINES},
    "title": {
        "anchor": "start",
        "offset": 10,
        "color": INK,
        "fontSize": 15,
        "fontWeight": "normal",
        "subtitleColor": SOFT,
        "subtitleFontSize": 11,
        "subtitlePadding": 4,
    },
    "axis": {**_WORDS, "gridColor": LINES, "domainColor": SOFT, "tickColor": SOFT, "labelLimit": 220},
    "legend": {**_WORDS, "labelColor": INK, "labelLimit": 220, "symbolOpacity": 1},
}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of data."""

    spec: Mapping[str, Any]  #: Vega-Lite, with its data inside: a chart never loads anything


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their headings; numbers are shown with three decimals."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]


Part: TypeAlias = Chart | Table | str  #: of a page; a string is a paragraph


def svg(chart: Chart) -> str:
    """The chart as an SVG picture, which carries the glyphs that it needs. Equal for equal charts."""
    drawn = _drawn(chart)
    style = f"<style>{font.face(drawn)}</style>"
    return re.sub("(<svg [^>]*>)", lambda start: start[0] + style, drawn, count=1)


def png(chart: Chart) -> bytes:
    """The chart as a PNG picture. Equal for equal charts."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(_drawn(chart), scale=PIXELS))


def page(title: str, parts: Sequence[Part]) -> str:
    """One HTML page with charts to point at (maps zoom), paragraphs and tables. It loads nothing.

    All words of the parts are shown as text. Equal for equal parts.
    """
    body = "\n".join(_element(part) for part in parts)
    style = STYLE + font.face(f"{title}{body}{_words(parts)}")
    scripts = [_bundle(), BOOT] if any(isinstance(part, Chart) for part in parts) else []
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; font-src data:; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>{escape(title)}</title><style>{style}</style></head><body><main>
<h1>{escape(title)}</h1>
{body}
</main>{"".join(f"<script>{script}</script>" for script in scripts)}
</body></html>
"""


def check_file(path: Path) -> None:
    """Raises UsageError for a file of another ending than a picture's, and where none can be made."""
    if path.suffix.lower() not in ENDINGS:
        name, known = path.name or "A file without a name", f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise UsageError(f"{name} does not end in {known}.", "Name it so.")
    check_place(path, replace=True)


def save(path: Path, title: str, parts: Sequence[Part]) -> None:
    """Write a page, or a picture of the charts among the parts below each other, as the file's ending says.

    A file that exists is replaced; the new one is there whole or not at all. Raises UsageError.
    """
    check_file(path)
    charts = [part for part in parts if isinstance(part, Chart)]
    if path.suffix.lower() == ".html":
        content = page(title, parts).encode()
    elif not charts:
        raise UsageError("There is no chart to draw.", "Write an .html file, which has the words and tables.")
    else:
        whole = _together(charts)
        content = png(whole) if path.suffix.lower() == ".png" else svg(whole).encode()
    with new_file(path, replace=True) as beside:
        beside.write_bytes(content)


def _together(charts: Sequence[Chart]) -> Chart:
    """Charts below each other, each with scales of its own."""
    if len(charts) == 1:
        return charts[0]
    apart = {"scale": {"color": "independent", "shape": "independent"}}
    return Chart({"vconcat": [dict(chart.spec) for chart in charts], "resolve": apart, "spacing": 30})


def _drawn(chart: Chart) -> str:
    """The chart as SVG whose text is in a font that the picture does not carry."""
    import vl_convert

    font.register()
    drawn = str(vl_convert.vegalite_to_svg(_whole(chart), vl_version=VEGA_LITE, allowed_base_urls=[]))
    # Vega numbers the parts of all pictures that a program draws. Counted anew, equal charts are equal.
    parts = re.findall('<(?:clipPath|linearGradient) id="(.*?)"', drawn)
    named = {part: f"part{number}" for number, part in enumerate(parts)}
    return re.sub(r'(?<= id=")\w+(?=")|(?<=="url\(#)\w+(?=\)")', lambda part: named.get(part[0], part[0]), drawn)


def _whole(chart: Chart) -> str:
    """The specification as JSON, with how charts look."""
    spec = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", **_printable(chart.spec)}
    return json.dumps(spec | {"config": CONFIG | spec.get("config", {})}, allow_nan=False, separators=(",", ":"))


def _printable(value: Any) -> Any:
    """The same with a sign for each character that XML forbids: at one of these vl_convert ends the whole program."""
    if isinstance(value, str):
        return NOT_XML.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {name: _printable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(inner) for inner in value]
    return value


def _element(part: Part) -> str:
    if isinstance(part, str):
        return f"<p>{escape(part)}</p>"
    if isinstance(part, Chart):
        data = _whole(part).replace("<", "\\u003c")  # no name ends the script
        title = part.spec.get("title", "")
        words = escape(str(title["text"] if isinstance(title, Mapping) else title))
        script = f'<script type="application/json" class="spec">{data}</script>'
        return f'<figure>{script}<div role="img" aria-label="{words}"><div></div></div></figure>'
    right = [any(isinstance(row[place], int | float) for row in part.rows) for place in range(len(part.columns))]
    heading = _row("th", part.columns, right)
    rows = "\n".join(_row("td", row, right) for row in part.rows)
    return f"<figure><table><thead>{heading}</thead><tbody>\n{rows}\n</tbody></table></figure>"


def _row(cell: str, values: Sequence[object], right: Sequence[bool]) -> str:
    """A row of a table; columns with numbers stand to the `right`."""
    marks = (' class="number"' if number else "" for number in right)
    cells = zip(values, marks, strict=True)
    return f"<tr>{''.join(f'<{cell}{mark}>{escape(_shown(value))}</{cell}>' for value, mark in cells)}</tr>"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str("" if value is None else value)


def _words(parts: Sequence[Part]) -> str:
    """What charts may write, whose JSON on the page has only ASCII."""
    return "".join(json.dumps(part.spec, ensure_ascii=False) for part in parts if isinstance(part, Chart))


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    import vl_convert

    script = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE))
    return script.replace("</script", "<\\/script")


def _digest(script: str) -> str:
    return base64.b64encode(sha256(script.encode()).digest()).decode()


STYLE = """
body { margin: 0 auto; max-width: 75rem; padding: 1rem; background: white; color: #1b1b1b;
  font: 1rem/1.6 system-ui, IPAexGothic, sans-serif; line-break: strict; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; font-weight: normal; line-height: 1.3; }
figure { margin: 1.5rem 0; overflow-x: auto; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #d9d9d9; } th { font-weight: normal; color: #555; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
#vg-tooltip-element { font: .85rem/1.5 IPAexGothic, sans-serif; max-width: 30rem; }
"""
# `ast`: expressions are interpreted, since the page's policy forbids making code of strings. The canvas measures text,
# so the glyphs have to be there first.
BOOT = """
document.fonts.load("12px IPAexGothic").finally(() => {
  for (const spec of document.querySelectorAll(".spec")) {
    vegaEmbed(spec.nextElementSibling.firstElementChild, JSON.parse(spec.textContent),
      { actions: false, ast: true, renderer: "canvas", tooltip: { theme: "light" } });
  }
});
"""
