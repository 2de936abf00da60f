"""Cast sheets and lines of unknown speakers, for people."""

from __future__ import annotations

from speaker_search.cli import output
from speaker_search.documents import INFERENCE, CastSheet, LikelyVoice, UnknownLines
from speaker_search.entities import counted


def sheet(found: CastSheet) -> None:
    """A game's characters, each with its likeliest voice and below it the other candidates."""
    output.notes(found.warnings)
    rows, below = [], []
    for one in found.sheet:
        first = one.likely[0] if one.likely else None
        near = "-" if first is None else ", ".join(_near(first))
        likely = None if first is None else first.probability
        rows.append((one.id, one.name, one.clips, one.seconds / 60, one.voice, likely, one.margin, near))
        others = [
            f"{each.probability:.3f} {each.characters[0].name} ({each.characters[0].game})" for each in one.likely[1:]
        ]
        hear = [] if one.lines is None else [f"hear: clips {one.lines.clip.id} and {one.lines.other.id}"]
        credit = [] if one.voice_actor is None else [f"credited: {one.voice_actor}"]
        against = [f"but {each.character.name}: {each.voice_actor}" for each in one.disagreeing]
        below.append(("; ".join([*hear, *credit, *against, *(f"or {other}" for other in others)]) or "-",))
    output.table(("id", "character", "clips", "minutes", "voice", "probability", "margin", "like"), rows, below=below)
    if found.cannot_tell:
        output.note(found.cannot_tell)
    linked = counted(sum(one.voice is not None for one in found.sheet), "character")
    output.note(f"{linked} of {len(found.sheet):,} of {found.game} in recurring voices. {INFERENCE}")


def _near(voice: LikelyVoice) -> list[str]:
    """The characters of a likely voice, each with its relation where it is known."""
    relations = voice.relations or [None] * len(voice.characters)
    return [
        f"{one.name} ({one.game})" + ("" if relation is None else f" {relation.words}")
        for one, relation in zip(voice.characters, relations, strict=True)
    ]


def unknown_lines(found: UnknownLines) -> None:
    """Lines of unknown speakers, each with its likeliest character of the game, and below it of other games."""
    output.notes(found.warnings)
    if not found.lines:
        output.say(f"{found.game} has no embedded line of an unknown speaker.")
        return
    rows, below = [], []
    for line in found.lines:
        first = line.here[0] if line.here else None
        who = (None, None) if first is None else (first.name, first.probability)
        rows.append((line.id, *who, line.nobody, line.text))
        others = [*line.here[1:2], *line.elsewhere[:2]]
        below.append(("; ".join(f"or {one.name} ({one.game}) {_share(one.probability)}" for one in others) or "-",))
    output.table(("clip", "character", "probability", "nobody", "text"), rows, below=below)
    output.note(f"{counted(len(found.lines), 'line')} of unknown speakers. Nothing was renamed. {INFERENCE}")


def _share(probability: float | None) -> str:
    return "-" if probability is None else f"{probability:.3f}"
