"""A cast as one HTML page that needs nothing else: no request, no script; sounds are inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from speaker_search import documents
from speaker_search.documents import INFERENCE
from speaker_search.entities import counted


@dataclass(frozen=True, slots=True)
class Sounds:
    """The lines of a page that can be played."""

    clips: Mapping[int, bytes]  #: MP3, by clip
    of_characters: Mapping[int, int]  #: in a whole cast, the clip of a character, by its id
    texts: Mapping[int, str]  #: of these clips
    left_out: tuple[str, ...]  #: a sentence for each reason why lines have no player


NO_SOUNDS = Sounds({}, {}, {}, ())

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #6b6b6b; --card: #8881; }
@media (prefers-color-scheme: dark) { :root { --soft: #a8a8a8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; font: 1rem/1.6 system-ui, sans-serif;
  line-break: strict; word-break: auto-phrase; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; } h2 { font-size: 1.1rem; margin: 0; line-height: 1.4; }
article { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); padding: .75rem 1rem;
  margin: 1rem 0; }
.note { border-left: .25rem solid #c70; padding: .25rem .75rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
p, figure, ul { margin: .4rem 0; } ul { padding-left: 1.2rem; }
audio { display: block; width: 100%; max-width: 26rem; }
summary { cursor: pointer; padding: .5rem 0; }
"""
#: Nothing is loaded and nothing runs: only this style and the sounds inside the page.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "media-src data:; base-uri 'none'; form-action 'none'"
)


def page(cast: documents.Cast, sounds: Sounds) -> str:
    """The page of a whole cast or of a game's cast sheet."""
    if isinstance(cast, documents.CastSheet):
        title, body = f"Cast of {cast.game}", [_character(one, sounds) for one in cast.sheet]
        notes = [*cast.warnings, *([cast.cannot_tell] if cast.cannot_tell else [])]
    else:
        title, notes = "Cast", cast.warnings
        body = [_voice(voice, sounds) for voice in cast.voices]
        alone = _list(_who(one) for one in cast.unlinked)
        summary = f"<summary>{counted(len(cast.unlinked), 'character')} in no voice</summary>"
        body.append(f"<details>{summary}{alone}</details>")
    said = "".join(f"<p>{escape(note)}</p>" for note in (*notes, *sounds.left_out))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>{escape(title)}</title><style>{STYLE}</style></head><body>
<h1>{_japanese(title)}</h1>
<p class="note">{escape(INFERENCE)} Keep it to yourself: it is about the voices of real people.</p>
<p class="soft">Encoder: {escape(cast.encoder)}. Percentages are how likely it is that this is one person.</p>
{said}
{chr(10).join(body)}
</body></html>
"""


def _character(one: documents.SheetCharacter, sounds: Sounds) -> str:
    """A character of a cast sheet."""
    speech = f"{counted(one.clips, 'clip')}, {one.seconds / 60:.1f} min of speech"
    credit = "" if one.voice_actor is None else f", credited to {_japanese(one.voice_actor)}"
    linked = "in no voice" if one.voice is None else f"voice {one.voice}"
    margin = "" if one.margin is None else f", {one.margin * 100:+.0f} points to the next"
    likely = _list(
        f"{_percent(each.probability)} {'' if each.voice is None else f'voice {each.voice}: '}"
        + "; ".join(_related(each))
        for each in one.likely
    )
    disagreeing = _list(
        f"{_who(each.character)} is credited to {_japanese(each.voice_actor)}" for each in one.disagreeing
    )
    lines = ""
    if one.lines is not None:
        everyone = [other for each in one.likely for other in each.characters]
        names = {other.id: other for other in everyone}
        other = names.get(one.lines.other_character)
        lines = _line(one.lines.clip.id, one.lines.clip.text, _japanese(one.name), sounds)
        lines += _line(one.lines.other.id, one.lines.other.text, "" if other is None else _who(other), sounds)
    return (
        f'<article><h2>{_japanese(one.name)}</h2><p class="soft">{speech}{credit}; {linked}{margin}</p>'
        + (likely or "<p>No other character to compare with.</p>")
        + (f"<p>Credits that disagree:</p>{disagreeing}" if disagreeing else "")
        + f"{lines}</article>"
    )


def _related(voice: documents.LikelyVoice) -> list[str]:
    """The characters of a likely voice, each with its relation where it is known."""
    relations = voice.relations or [None] * len(voice.characters)
    return [
        _who(one) + ("" if relation is None else f" [{relation.words}]")
        for one, relation in zip(voice.characters, relations, strict=True)
    ]


def _voice(voice: documents.Voice, sounds: Sounds) -> str:
    """A voice of a whole cast, each character with a line of it."""
    actor = "" if voice.voice_actor is None else f", credited to {_japanese(voice.voice_actor)}"
    members = []
    for one in voice.characters:
        clip = sounds.of_characters.get(one.id)
        line = "" if clip is None else _line(clip, sounds.texts.get(clip, ""), "", sounds)
        members.append(f"{_percent(one.probability)} {_who(one)}, {counted(one.clips, 'clip')}{line}")
    return f"<article><h2>Voice {voice.id}: {_percent(voice.probability)}{actor}</h2>{_list(members)}</article>"


def _line(clip: int, text: str, who: str, sounds: Sounds) -> str:
    """A line with its player, if its sound is on the page."""
    caption = " ".join(part for part in (who, f"「{_japanese(text)}」" if text else "") if part) or f"clip {clip}"
    content = sounds.clips.get(clip)
    player = ""
    if content is not None:
        source = f"data:audio/mpeg;base64,{b64encode(content).decode()}"
        player = f'<audio controls preload="none" src="{source}"></audio>'
    return f"<figure><figcaption>{caption}</figcaption>{player}</figure>"


def _list(entries: Iterable[str]) -> str:
    inside = "".join(f"<li>{entry}</li>" for entry in entries)
    return f"<ul>{inside}</ul>" if inside else ""


def _who(one: documents.CastCharacter) -> str:
    return _japanese(f"{one.name} ({one.maker}, {one.game})")


def _japanese(text: str) -> str:
    """Names and lines: their breaks follow Japanese rules."""
    return f'<span lang="ja">{escape(text)}</span>'


def _percent(probability: float | None) -> str:
    return "" if probability is None else f"{probability * 100:.0f} %"
