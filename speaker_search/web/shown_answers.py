"""An example of every answer and every body, for the OpenAPI description. A test checks each by its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speaker_search import documents
from speaker_search.documents.models.confused_characters import ConfusedPair, Confusions
from speaker_search.documents.paging import cursor_after
from speaker_search.web.shown_nouns import (
    AMIMOTO,
    AOI,
    AT,
    CLIP,
    EDIT,
    FOLDER,
    GAME,
    HELD_CLIP,
    INGEST,
    JUDGED,
    LISTED_GAME,
    LISTED_MAKER,
    MENDED,
    NAMED,
    OTHER,
    OTHER_CLIP,
    SEARCH,
    SHEET_CHARACTER,
    SPACE,
    STYLE,
    VERDICT,
    VOICE,
)

#: By operationId.
ANSWERS: dict[str, Any] = {
    "search": SEARCH,
    "matches": SEARCH,
    "search_batch": documents.Searches(answers=[documents.OneSearch(search=SEARCH, problem=None)]),
    "readyz": documents.Readiness(encoder=SPACE, clips=7_012_340, characters=74_310, games=9_120),
    "list_makers": documents.Makers(makers=[LISTED_MAKER], next=cursor_after("makers", 1)),
    "get_maker": LISTED_MAKER,
    "list_games": documents.Games(games=[LISTED_GAME], next=cursor_after("games", 3)),
    "get_game": LISTED_GAME,
    "list_characters": documents.Characters(characters=[AMIMOTO], next=cursor_after("characters", 12)),
    "get_character": AMIMOTO,
    "list_clips": documents.Clips(clips=[HELD_CLIP], next=cursor_after("clips", 911)),
    "get_clip": HELD_CLIP,
    "list_voices": documents.Voices(encoder=SPACE, voices=[VOICE], next=None, warnings=[]),
    "get_voice": documents.ShownVoice(encoder=SPACE, voice=VOICE, warnings=[]),
    "get_styles": documents.CharacterStyles(encoder=SPACE, character=AMIMOTO, compared=120, needed=12, styles=[STYLE]),
    "list_voice_changes": documents.VoiceChanges(
        encoder=SPACE, changes=[documents.VoiceChange(at=AT, kind="joined", voice=7, characters=[OTHER])]
    ),
    "get_cast": documents.CastSheet(
        encoder=SPACE, voices=[VOICE], unlinked=[], warnings=[], game=GAME.title, sheet=[SHEET_CHARACTER]
    ),
    "get_character_map": documents.CharacterMap(
        encoder=SPACE,
        better=False,
        x=[0.214, 0.221],
        y=[0.73, 0.712],
        ids=[12, 31],
        names=[NAMED.name, OTHER.name],
        games=[0, 1],
        voices=[7, 7],
        sexes=["f", "f"],
        clips=[120, 88],
        of_games=[GAME, AOI.game],
    ),
    "get_clip_map": documents.ClipMap(
        encoder=SPACE,
        better=False,
        x=[0.5, 0.31],
        y=[0.42, 0.9],
        game=GAME,
        ids=[911, 930],
        characters=[12, None],
        names={12: NAMED.name},
        voices={12: 7},
        sexes={12: "f"},
        of=2,
    ),
    "list_near_clips": documents.NearClips(
        encoder=SPACE, ids=[911, 912], characters=[12, 12], x=[-0.61, 1.0], y=[0.35, 0.0]
    ),
    "list_unknown_lines": documents.UnknownPage(
        encoder=SPACE,
        game=GAME.title,
        lines=[
            documents.UnknownClip(
                id=930,
                text="誰かいるのか。",
                seconds=1.8,
                here=[documents.Suspect(**NAMED.model_dump(), probability=0.88)],
                elsewhere=[],
                nobody=0.05,
            )
        ],
        next=None,
        warnings=[],
    ),
    "list_confusions": Confusions(
        encoder=SPACE,
        pairs=[
            ConfusedPair(
                kind="namesakes",
                one=AMIMOTO,
                other=AOI,
                probability=0.81,
                lines=[CLIP, OTHER_CLIP],
                cosine=0.71,
                if_same="spksearch verdict same 12 31",
                if_different="spksearch verdict different 12 31",
            )
        ],
        next=None,
        warnings=[],
    ),
    "get_queue": documents.ListeningQueue(
        encoder=SPACE,
        pairs=[
            documents.ListeningPair(
                one=AMIMOTO,
                other=AOI,
                probability=0.52,
                value=0.19,
                change=2.0,
                seconds=10.5,
                if_same="The two are joined in one voice.",
                if_different="The two stay apart.",
                joined=False,
                sizes=(1, 1),
                lines=[CLIP, OTHER_CLIP],
                cosine=0.71,
            )
        ],
        warnings=[],
    ),
    "list_verdicts": documents.Verdicts(verdicts=[VERDICT], next=cursor_after("verdicts", 3)),
    "give_verdict": JUDGED,
    "undo_verdict": JUDGED.model_copy(update={"state": "undone", "undone_at": AT, "undone_by": "ann"}),
    "list_credits": documents.Credits(
        credits=[
            documents.ListedCredit(
                character=NAMED, voice_actor="青野 凪", actor_id=4, actor="青野 凪", sex="f", spoiler=False
            )
        ],
        next=cursor_after("credits", 12, 4),
    ),
    "import_credits": documents.ImportedCredits(
        file=Path("credits.csv"),
        kind="csv",
        dry_run=False,
        credits=1,
        matched=1,
        ambiguous=0,
        unmatched=0,
        malformed=0,
        spoilers=0,
        games=1,
        unclear_games=[],
        missing_games=3,
        characters=1,
        new=1,
        known=0,
        replaced=0,
        problems=[],
        unsettled=[],
        attribution=None,
    ),
    "audit_credits": documents.CreditAudit(
        encoder=SPACE, audited=12, doubtful=[], contradicted=[], recast=[], pen_names=[], warnings=[]
    ),
    "list_likely_actors": documents.LikelyActors(
        encoder=SPACE,
        characters=[
            documents.LikelyActor(character=OTHER, voice_actor="青野 凪", probability=0.97, voice=7, credited=1)
        ],
        warnings=[],
    ),
    "get_state": documents.LibraryState(
        encoder=SPACE,
        makers=2,
        games=4,
        characters=24,
        clips=documents.ClipCounts(embedded=198, pending=0, refused=2),
        refused={"silent": 1, "too_short": 1},
        index=documents.IndexState(
            clips=198,
            vectors=198,
            behind=0,
            plan="exact: a scan of 198 clips takes no time",
            bytes=152_064,
            recall=None,
        ),
        version="1.0.0",
        may_edit=True,
        folders=["/voices"],
    ),
    "list_refusals": documents.RefusedFiles(
        clips=[
            documents.RefusedFile(
                id=930, file="潮風カレンダー/voice/sk0007.ogg", reason="silent", detail="The sound is silent."
            )
        ],
        next=cursor_after("refused", 930),
    ),
    "get_health": documents.Health(
        encoder="anime-va",
        encoders=[
            documents.EncoderHealth(
                name="anime-va",
                purpose="acted Japanese: tells voice actors apart",
                dim=192,
                state="ready",
                space=SPACE,
                needs="embedding_model.pth of litagin/anime_speaker_embedding_by_va_ecapa_tdnn_groupnorm",
                backend="openvino cpu bf16",
                backend_reason="this processor has AMX",
            )
        ],
        machine=documents.MachineState(
            system="Linux", python="3.11.9", cpu="AMD EPYC 7763", cores=8, gpu=None, device="cpu"
        ),
        packages={"torch": "2.7.1", "faiss-gpu": None},
        formats=["wav", "flac", "ogg", "opus", "mp3"],
    ),
    "list_edits": documents.Edits(edits=[EDIT], next=None),
    "make_edit": MENDED,
    "undo_edit": MENDED,
    "ingest": INGEST,
    "list_folders": documents.Folders(path="/voices", parent=None, folders=[FOLDER], complete=True),
    "get_ingest": INGEST,
    "cancel_ingest": INGEST.model_copy(update={"state": "cancelled"}),
    "list_ingests": documents.Ingests(ingests=[INGEST], next=None),
    "healthz": {"status": "ok"},
}
#: By operationId, of the bodies that are JSON.
BODIES: dict[str, dict[str, Any]] = {
    "search": {"like": [{"clip": 911}], "unlike": [{"character": 31}], "limit": 5, "by": "character"},
    "search_batch": {"queries": [{"like": [{"clip": 911}], "limit": 3}, {"like": [{"character": 31}]}]},
    "give_verdict": {"one": 12, "other": 31, "same": True, "note": "by ear", "author": "ann"},
    "make_edit": {"kind": "rename", "noun": "game", "what": "3", "to": "潮風カレンダー", "author": "ann"},
    "ingest": {"paths": ["/voices/new"], "maker": "こもれび工房", "game": "潮風カレンダー"},
}
