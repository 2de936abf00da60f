"""`spksearch adopt`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.entities import counted
from speaker_search.errors import UsageError

if TYPE_CHECKING:
    from speaker_search.documents.models.adoption import Adoption, ListeningSet, SpacesHeld


def adopt(
    space: Annotated[
        str | None,
        typer.Argument(metavar="SPACE", help="A space, or its encoder. Without it, the spaces are listed."),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Return to the space that was searched before.")] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Adopt even if verdicts and credits show that it is worse, or if clips without audio, or whose files "
            "are away, are left behind.",
        ),
    ] = False,
    author: Annotated[str | None, typer.Option(help="Who says so; by default your login name.")] = None,
    json: options.Json = False,
) -> None:
    """Search and embed with another encoder's space from now on, with proof. Running servers follow after a restart.

    Example: spksearch adopt campplus
    """
    if back and space is not None:
        raise UsageError("--back names the space itself.", "Leave SPACE out.")
    with options.open_library() as library:
        flag = library.settings.encoder
        if space is None and not back:
            held = library.spaces_held()
            output.json_document(held) if json else _state(held)
            if held.adopted is not None:
                _overruled(held.adopted, flag)
            return
        if space is None:
            done = library.adopt_back(author=author)
        else:
            done = library.adopt(space, yes=yes, author=author, say=output.waiting)
    output.json_document(done) if json else _show(done, flag)
    if done.adopted:
        _overruled(done.space, flag)
    raise typer.Exit(0 if done.adopted else 1)


def _overruled(adopted: str, flag: str | None) -> None:
    """Say so where SPKSEARCH_ENCODER names another space than the adopted one."""
    if not _searched(adopted, flag):
        output.note(f"SPKSEARCH_ENCODER is set to {flag} and overrides the adopted space: unset it.")


def _searched(adopted: str, flag: str | None) -> bool:
    return flag in (None, adopted, adopted.partition("@")[0])


def _state(held: SpacesHeld) -> None:
    if not held.spaces:
        output.say("The catalog holds no voices yet.")
        return
    rows = [(one.space, one.dim, one.embedded, one.pending, one.refused, one.weights) for one in held.spaces]
    marks = ["searched" if one.searched else None for one in held.spaces]
    output.table(
        ("space", "dimensions", "embedded", "pending", "refused", "weights", ""),
        [(*row, mark) for row, mark in zip(rows, marks, strict=True)],
    )
    if held.adopted is None:
        output.note("No space was adopted: `spksearch adopt SPACE` adopts one, with proof.")
        return
    who = f"by {held.author} on {held.at:%Y-%m-%d}."
    if held.before is None:
        output.note(f"Searches were kept in {held.adopted} {who}")
    else:
        back = f"Before: {held.before}; `spksearch adopt --back` returns to it."
        output.note(f"{held.adopted} was adopted {who} {back}")


def _show(done: Adoption, flag: str | None) -> None:
    from speaker_search.cli.commands.models import compare

    if done.comparison is not None:
        compare.show(done.comparison)
    if done.listening is not None:
        _listened(done.listening)
    elif done.comparison is not None:
        output.say("\nNo verdict or credit to ask both spaces about, or one space is not calibrated.")
    if done.refused:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in done.refused.items())
        output.say(f"\n{done.space} has refused clips that {done.before} holds: {reasons}.")
    if done.why_not is not None:
        output.note(f"spksearch: Not adopted. {done.why_not}")
        return
    when = "from now on" if done.new else "already"
    if _searched(done.space, flag):
        output.say(f"{done.space} is searched {when}, and new voices are embedded in it.")
    else:
        output.say(f"{done.space} is adopted {when}.")
    if done.unembedded:
        clips = counted(done.unembedded, "clip")
        output.note(
            f"{clips} of {done.before} are not embedded in it: `spksearch ingest --again --encoder {done.space}`."
        )
    if done.before is not None:
        output.note(f"`spksearch adopt --back` returns to {done.before}. Restart running servers and workers.")


def _listened(found: ListeningSet) -> None:
    """How many known pairs each space gets right, and those that they disagree on."""
    output.say("\nPairs of characters whose answer is known, and how many of them each space gets right:")
    kinds = (
        ("verdicts", found.verdicts),
        ("one actor, by credits", found.credits_same),
        ("two actors, by credits", found.credits_different),
    )
    output.table(
        ("known from", "pairs", "before", "new"), [(name, *dict(one).values()) for name, one in kinds if one.pairs]
    )
    output.say(
        f"The new space is better for {counted(found.better, 'voice')} and worse for {found.worse:,}. That as many are "
        f"worse by chance has a probability of {found.chance:.2g}."
    )
    for pair in found.pairs:
        what = "one voice" if pair.same else "two voices"
        output.say(f"{pair.one.address} (id {pair.one.id}), {pair.other.address} (id {pair.other.id})")
        output.say(
            f"    {what} by {pair.said_by}: probability of one voice {pair.before:.2f} before, {pair.after:.2f} now"
        )
        if pair.lines is not None:
            output.command(f"    spksearch play {pair.lines.clip_id}; spksearch play {pair.lines.other_clip_id}")
    if found.disputed > len(found.pairs):
        output.note(f"{found.disputed - len(found.pairs):,} more pairs that only one of the two gets right.")
