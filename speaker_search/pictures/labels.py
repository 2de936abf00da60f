"""Places for labels on a picture, so that none hides another."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats, Ids

GAP = 5.0  # pixels between a label and what it names
POINT = 4.0  # pixels: a point's radius
MARGIN = 2.0  # pixels around a label that no other enters
DROPPED = -1
MOST_TRIED = 1_000  # the rest would hardly find room


class Side(NamedTuple):
    """Where a label lies from what it names: where it begins, and how far that is from the middle of the whole."""

    align: str
    baseline: str
    x: int  #: from the middle of what is named: -1 is its left edge, 1 its right edge
    y: int  #: -1 is its upper edge
    across: float  #: of the label's width, from there to its left edge
    down: float  #: of its height, from there to its upper edge


SIDES = (
    Side("left", "middle", 1, 0, 0, -0.5),
    Side("right", "middle", -1, 0, -1, -0.5),
    Side("center", "bottom", 0, -1, -0.5, -1),
    Side("center", "top", 0, 1, -0.5, 0),
    Side("left", "bottom", 1, -1, 0, -1),
    Side("left", "top", 1, 1, 0, 0),
    Side("right", "bottom", -1, -1, -1, -1),
    Side("right", "top", -1, 1, -1, 0),
    Side("center", "middle", 0, 0, -0.5, -0.5),
)


def placed(
    named: Floats, widths: Floats, height: float, frame: tuple[float, float], points: Floats
) -> tuple[Ids, Floats]:
    """The side (n,) of what it names that each label is put on, or DROPPED where it has no room; and where (n, 2) it
    begins.

    `named` (n, 4) are the boxes of what is named (left, top, right, bottom), `points` (m, 2) all points; both are in
    pixels from the upper left corner of a `frame` (width, height). `widths` (n,) and the `height` are the labels' own.
    Earlier labels take precedence. Of the sides with room, the one over fewest points is taken.
    """
    to_edge = np.array([side[2:4] for side in SIDES], np.float32)
    to_corner = np.array([side[4:6] for side in SIDES], np.float32)
    found, begins = np.full(len(named), DROPPED, np.int64), np.zeros((len(named), 2), np.float32)
    taken, margin = np.empty((0, 4), np.float32), np.array([-MARGIN, -MARGIN, MARGIN, MARGIN])
    for n in range(min(len(named), MOST_TRIED)):
        middle, half = (named[n, :2] + named[n, 2:]) / 2, (named[n, 2:] - named[n, :2]) / 2
        size = np.array([widths[n], height], np.float32)
        starts = middle + to_edge * (half + GAP)
        corners = starts + to_corner * size
        boxes = np.concatenate([corners, corners + size], axis=1)
        free = (boxes[:, :2] >= 0).all(axis=1) & (boxes[:, 2:] <= frame).all(axis=1) & ~_meet(boxes, taken)
        if free.any():
            choices = np.flatnonzero(free)
            best = choices[np.argmin([_inside(boxes[side], points).sum() for side in choices])]
            found[n], begins[n] = best, starts[best]
            taken = np.concatenate([taken, boxes[best : best + 1] + margin])
    return found, begins


def _meet(boxes: Any, taken: Any) -> npt.NDArray[np.bool_]:
    """Whether each box (n, 4) meets any of those taken (k, 4); left, top, right, bottom."""
    apart = (
        (boxes[:, None, 0] >= taken[None, :, 2])
        | (boxes[:, None, 2] <= taken[None, :, 0])
        | (boxes[:, None, 1] >= taken[None, :, 3])
        | (boxes[:, None, 3] <= taken[None, :, 1])
    )
    return np.asarray(~apart.all(axis=1))


def _inside(box: Any, points: Floats) -> npt.NDArray[np.bool_]:
    """Which points (m, 2) a box (4,) touches."""
    return np.asarray(((points > box[:2] - POINT) & (points < box[2:] + POINT)).all(axis=1))
