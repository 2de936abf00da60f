"""The advice in an error, reworded for HTTP clients: requests in place of commands and flags."""

from __future__ import annotations

import re

from speaker_search.errors import SpeakerSearchError

#: Commands and flags in errors, and what a client does instead; the first that fits counts.
INSTEAD: tuple[tuple[str, str], ...] = (
    (r"`spksearch catalog edits`", "`GET /v1/edits`"),
    (r"run `spksearch catalog undo (\d+)` first", r"undo that one first: `DELETE /v1/edits/\1`"),
    (r"run `spksearch verdict undo (\d+)` first", r"undo that verdict first: `DELETE /v1/verdicts/\1`"),
    (r"`spksearch verdict undo (\d+|ID)`", r"`DELETE /v1/verdicts/\1`"),
    (r"`spksearch verdict list --history`", "`GET /v1/verdicts?history=true`"),
    (r"`spksearch verdict same`", "`POST /v1/verdicts`"),
    (r"`spksearch catalog merge \w+` merges them", 'to merge them, `POST /v1/edits` with `"kind": "merge"`'),
    (r"`spksearch catalog merge \w+`", '`POST /v1/edits` with `"kind": "merge"`'),
    (r"`spksearch catalog refused`", "`GET /v1/clips?state=refused`"),
    (r"`spksearch catalog show CHARACTER`", "`GET /v1/clips?character_id=ID`"),
    (r"`spksearch cast --changes`", "`GET /v1/voices/changes`"),
    (r"`spksearch cast`", "`GET /v1/voices`"),
    (r"`spksearch ingest FOLDER`", "`POST /v1/ingest`"),
    (r"--layout (\w+)", r'`"layout": "\1"`'),
    (r"--maker and --game", '`"maker"` and `"game"`'),
)
LISTS = {"maker": "`GET /v1/makers`", "game": "`GET /v1/games`"}
_CATALOG_LIST = "`spksearch catalog list`"
_OF_THE_SERVER = re.compile(r"`?spksearch |SPKSEARCH_|--[a-z]")  # what only the server's operator can do


def over_http(error: SpeakerSearchError) -> str:
    """What is wrong, and what a client can do about it; advice for the server's operator is marked so."""
    noun = re.match(r"There is no (\w+)", error.detail)
    mend = error.mend.replace(_CATALOG_LIST, LISTS.get(noun[1] if noun else "", "`GET /v1/characters`"))
    for words, instead in INSTEAD:
        mend = re.sub(words, instead, mend, flags=re.IGNORECASE)
    if _OF_THE_SERVER.search(mend):
        mend = f"For whoever runs the server: {mend[0].lower()}{mend[1:]}"
    elif mend:
        mend = mend[0].upper() + mend[1:]
    return f"{error.detail} {mend}".strip()
