"""The card of a data set: what it holds, how it was made, and what its user has to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from speaker_search.documents.models.datasets import DatasetOptions, DatasetSplit, Format
from speaker_search.entities import Ids, counted
from speaker_search.transfer.datasets.splits import SPLITS, Lines, Plan

CARD = "README.md"
FILES: Mapping[Format, str] = {"webdataset": "{split}-*.tar", "parquet": "data/{split}-*.parquet", "sbv2": ""}
ABOUT: Mapping[Format, str] = {
    "webdataset": "WebDataset: tars of samples, each a sound as it was stored, a `.json` and a `.txt` with its text.",
    "parquet": 'Parquet with an `audio` column, as `datasets.load_dataset("parquet", …)` reads it.',
    "sbv2": "Style-Bert-VITS2: put the folder into `Data/`. `esd.list` has the lines of training and validation; its "
    "preprocessing resamples `raw/` and divides them itself. `train.list`, `val.list` and `test.list` are the splits "
    "below.",
}
FIELDS = (
    ("text", "the line as its game has it"),
    ("character, game, maker", "whose line it is"),
    ("speaker", "the character's name, with its game where several are called so"),
    ("voice", "equal numbers are one person, as far as voices, credits and verdicts tell"),
    ("seconds", "of sound"),
    ("clip, fingerprint", "its number in the catalog, and what equal sounds have in common"),
)
LICENCE = (
    "The voices, texts and names belong to whoever made the games, and voices are personal data of those who speak. "
    "Nothing here gives a licence to any of it: before you train with it, publish a model, or pass it on, find out "
    "what their owners and your law allow."
)


def card(
    name: str,
    options: DatasetOptions,
    space: str,
    splits: Sequence[DatasetSplit],
    left_out: Mapping[str, int],
) -> str:
    """The card as Markdown with the metadata that the Hugging Face hub reads.

    `space` is the one by whose voices it was divided; `left_out` says how many clips were, by reason.
    """
    form = options.form
    lines = ["---", "license: other", "task_categories:", "- audio-classification", "- automatic-speech-recognition"]
    if files := FILES[form]:
        lines += ["configs:", "- config_name: default", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split.name}", f'    path: "{files.format(split=split.name)}"']
    lines += ["---", "", f"# {_plain(name)}", "", ABOUT[form], "", *_made(options, space), ""]
    lines += ["| split | clips | hours | speakers | characters | games |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.clips:,} | {one.seconds / 3600:.2f} | {one.speakers:,} | {one.characters:,} | "
        f"{one.games:,} |"
        for one in splits
    ]
    lines += [
        "",
        "No speaker is in two splits: characters of one voice, by sound, credits or verdicts, or with a recording in "
        "common, are one speaker. Lines are in the order of the catalog: shuffle them before training.",
        "",
    ]
    if form != "sbv2":
        lines += ["| field | is |", "|---|---|", *(f"| {field} | {what} |" for field, what in FIELDS), ""]
    lines += ["## Left out", ""]
    lines += [f"- {counted(count, 'clip')} {reason}" for reason, count in left_out.items()] or ["Nothing."]
    return "\n".join([*lines, "", "## Licence", "", LICENCE, ""])


def held_by(lines: Lines, plan: Plan, written: Ids) -> list[DatasetSplit]:
    """What the splits hold that have clips; `written` (w,) are places in the plan."""
    found = []
    for split in np.unique(plan.splits[written]).tolist():
        places = written[plan.splits[written] == split]
        rows = plan.rows[places]
        numbers = {
            "clips": len(rows),
            "seconds": float(lines.seconds[rows].sum()),
            "speakers": len(np.unique(plan.speakers[places])),
            "characters": len(np.unique(lines.characters[rows])),
            "games": len(np.unique(lines.games[rows])),
        }
        found.append(DatasetSplit.model_validate({"name": SPLITS[split], **numbers}))
    return found


def _made(options: DatasetOptions, space: str) -> list[str]:
    """How a data set was made, a sentence each."""
    asked = [*options.makers, *options.games]
    most = "" if options.max_seconds is None else f" and at most {options.max_seconds:g} s"
    said = [
        f"Divided by {options.split_by}, with seed {options.seed}; voices were told apart with {space}.",
        f"Clips last at least {options.min_seconds:g} s{most}, and their characters have at least "
        f"{counted(options.min_clips, 'clip')}.",
    ]
    said += [f"Only of {_plain(', '.join(asked))}."] if asked else []
    if options.may_be < 1:
        said += [
            f"Speakers who are one of a held-out split with a probability of at least {options.may_be:g} were left out."
        ]
    said += ["Clipped sounds were left out."] if options.no_clipping else []
    said += ["Lines in which several people speak were left out."] if options.one_speaker else []
    return said


def _plain(name: str) -> str:
    return " ".join(name.split()) or "Voices"
