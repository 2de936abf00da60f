"""Addresses: what is one, what it means, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speaker_search.entities import ObjectPath, is_within, place_at
from speaker_search.errors import UsageError
from speaker_search.sources import scan
from speaker_search.sources.objects.addresses import place_given


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3://voices", "s3://voices"),
        ("S3://voices/Key_空/", "s3://voices/Key_空"),
        ("gs://voices/a/b.zip", "gs://voices/a/b.zip"),
        ("hf://datasets/owner/name", "hf://datasets/owner/name"),
        ("hf://datasets/owner/name@refs%2Fconvert%2Fparquet/x/", "hf://datasets/owner/name@refs%2Fconvert%2Fparquet/x"),
    ],
)
def test_an_address_keeps_what_it_names(written: str, meant: str) -> None:
    place = place_given(written)
    assert isinstance(place, ObjectPath)
    assert str(place) == meant
    assert place_at(meant) == place


@pytest.mark.parametrize("written", ["voices", "./a:b", "/x/s3:/y", r"C:\voices", "C://voices", "", "x:y"])
def test_a_path_stays_a_path(written: str) -> None:
    assert place_given(written) == Path(written)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("http://host/voices", "Voices are not read from http:// addresses"),
        ("file:///etc", "Voices are not read from file:// addresses"),
        ("s3://", "names no bucket"),
        ("s3:///key", None),
        ("s3://voices/a//b", "has an empty part"),
        ("s3://voices/../other", "has an empty part"),
        ("hf://owner/name", "names no dataset"),
        ("hf://datasets/owner", "names no dataset"),
        (Path("s3://voices/x"), "Give addresses as text"),
    ],
)
def test_what_is_no_address_of_voices_is_refused(written: str | Path, says: str | None) -> None:
    if says is None:
        assert str(place_given(written)) == "s3://key"
        return
    with pytest.raises(UsageError, match=says):
        place_given(written)


@pytest.mark.parametrize("address", ["s3://AKIA:secret@voices/x", "s3://AKIA:sec/ret@voices", "gs://who@voices/secret"])
def test_credentials_in_an_address_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="read from the environment") as raised:
        place_given(address)
    assert "secret" not in str(raised.value)
    assert "sec/ret" not in str(raised.value)


PARTS = st.lists(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1), min_size=1)


@given(PARTS, PARTS)
def test_the_parts_of_an_address_are_those_of_a_path(top: list[str], below: list[str]) -> None:
    folder = ObjectPath("s3", "/".join(["bucket", *top]))
    place = folder.joinpath(*below)
    assert (place.name, place.parent, place.parents[len(below) - 1]) == (
        below[-1],
        folder.joinpath(*below[:-1]),
        folder,
    )
    assert place_at(str(place)) == place
    assert is_within(place, folder)
    assert not is_within(folder, place)
    assert not is_within(place, Path("/"))
    assert not is_within(ObjectPath("s3", f"{folder.key}x"), folder)
    assert place.bucket == ObjectPath("s3", "bucket")
    assert place.parents[-1].key == ""


@pytest.mark.skipif(importlib.util.find_spec("gcsfs") is not None, reason="gcsfs is installed")
def test_a_library_that_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(UsageError, match=r"gs:// addresses need the extra `objects`\. Install it with `pip install"):
        scan(ObjectPath("gs", "voices"))
