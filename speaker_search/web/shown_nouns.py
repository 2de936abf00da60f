"""The makers, games, characters, clips and people's words that the OpenAPI description's examples are made of."""

from __future__ import annotations

from datetime import UTC, datetime

from speaker_search import documents

AT = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
SPACE = "anime-va@41d5ad6b5c75"
MAKER = documents.Maker(id=1, name="こもれび工房")
GAME = documents.Game(id=3, title="潮風カレンダー", maker=MAKER)
LISTED_MAKER = documents.ListedMaker(id=1, name="こもれび工房", games=4)
LISTED_GAME = documents.ListedGame(id=3, title="潮風カレンダー", maker=MAKER, characters=6)
AMIMOTO = documents.Character(id=12, name="網元", game=GAME, clips=120)
AOI = documents.Character(
    id=31, name="九条 あおい", game=documents.Game(id=5, title="星降る坂の約束", maker=MAKER), clips=88
)
CLIP = documents.Clip(id=911, text="風が出てきたな。", seconds=3.1)
OTHER_CLIP = documents.Clip(id=2044, text="傘、忘れたの？", seconds=2.4)
HELD_CLIP = documents.HeldClip(
    id=911,
    text=CLIP.text,
    seconds=3.1,
    game=GAME,
    character=documents.NamedCharacter(id=12, name="網元", game=GAME.title, maker=MAKER.name),
    state="embedded",
    reason=None,
)
NAMED = documents.NamedCharacter(id=12, name="網元", game=GAME.title, maker=MAKER.name)
OTHER = documents.NamedCharacter(id=31, name="九条 あおい", game=AOI.game.title, maker=MAKER.name)
MEMBERS = [
    documents.CastCharacter(**one.model_dump(), clips=clips, probability=0.97)
    for one, clips in ((NAMED, 120), (OTHER, 88))
]
VOICE = documents.Voice(id=7, probability=0.97, voice_actor=None, characters=MEMBERS, stored=True)
SHEET_CHARACTER = documents.SheetCharacter(
    **MEMBERS[0].model_dump(),
    seconds=402.5,
    voice=7,
    voice_actor=None,
    likely=[documents.LikelyVoice(voice=7, probability=0.97, characters=MEMBERS[1:])],
    margin=0.61,
    roles=MEMBERS[1:],
    lines=documents.SheetLines(clip=CLIP, other=OTHER_CLIP, other_character=31, cosine=0.71),
    disagreeing=[],
)
VERDICT = documents.Verdict(
    id=3,
    one=NAMED,
    other=OTHER,
    same=True,
    author="ann",
    note="by ear",
    at=AT,
    state="stands",
    undone_at=None,
    undone_by=None,
)
JUDGED = documents.JudgedVerdict(**VERDICT.model_dump(), new=True)
EDIT = documents.Edit(
    id=2,
    kind="rename",
    noun="game",
    before="潮風カレンダ",
    after="潮風カレンダー",
    row_id=3,
    author="ann",
    at=AT.isoformat(),
    undone_at=None,
    undone_by=None,
)
MENDED = documents.Mended(edit=EDIT, clips=0, new=True)
INGEST = documents.Ingest(
    id="3f1c0c6c5a0f4a3c9d5a1b2c3d4e5f60",
    requested=AT.isoformat(),
    paths=["/voices/Kumo"],
    state="running",
    progress=documents.IngestReport(phase="embedding", encoder=SPACE, scanned=198, new=198, opened=64, of=198),
    error=None,
)
SEARCH = documents.Search(
    query=documents.Query(clips=1, seconds=3.2, encoder=SPACE, warnings=[]),
    matches=[
        documents.Match(character=AMIMOTO, score=2.31, probability=0.93, hits=[documents.Hit(clip=CLIP, cosine=0.71)])
    ],
    complete=False,
    next="kZ0xTqDbUe3v7wX2fYhJ1HjaVY5…",
    nobody=0.02,
)

STYLE = documents.Style(clips=96, share=0.8, seconds=2.9, lines=[CLIP])
FOLDER = documents.Folder(name="こもれび工房", path="/voices/こもれび工房")
