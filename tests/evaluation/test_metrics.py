"""The measures: by examples worked by hand, and against slow and plain counterparts written here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.evaluation.metrics import (
    BCubed,
    average_precisions,
    bcubed,
    bcubed_of_each,
    calibration_error,
    equal_error_rate,
    first_is_right,
    log_likelihood_ratio_cost,
    log_likelihood_ratios,
    mean,
    members_are_right,
    reliability,
)

quiet = settings(deadline=None, derandomize=True, max_examples=100)
MISS = -np.inf


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def bools(*rows: str) -> np.ndarray:
    """`"10"` -> [[True, False]]."""
    return np.array([[sign == "1" for sign in row] for row in rows], bool)


def precision_at_1(*table: np.ndarray) -> float | None:
    return mean(first_is_right(*table))


def mean_average_precision(*table: np.ndarray) -> float | None:
    return mean(average_precisions(*table))


# -- precision at 1 and mean average precision ---------------------------------------------------------------


def test_precision_at_1_counts_rows_whose_best_eligible_column_is_relevant() -> None:
    scores = np.stack([floats(9, 5, 1), floats(9, 1, 5), floats(1, 2, 3)])
    relevant = bools("010", "010", "001")
    eligible = bools("011", "011", "111")
    assert precision_at_1(scores, relevant, eligible) == pytest.approx(2 / 3)


def test_precision_at_1_leaves_out_rows_with_nothing_to_find() -> None:
    scores = np.stack([floats(1, 2), floats(2, 1)])
    assert precision_at_1(scores, bools("01", "00"), bools("11", "11")) == 1.0
    assert precision_at_1(scores, bools("10", "00"), bools("01", "11")) is None  # relevant but not eligible


def test_a_row_of_minus_infinity_is_a_miss_though_its_first_column_is_relevant() -> None:
    scores = np.stack([floats(MISS, MISS), floats(2, 1)])
    assert precision_at_1(scores, bools("10", "10"), bools("11", "11")) == 0.5


def test_average_precision_is_the_mean_of_the_precisions_where_something_is_found() -> None:
    # Ranked: right, wrong, right, wrong, right -> 1/1, 2/3, 3/5.
    scores = floats(5, 4, 3, 2, 1)[None]
    assert mean_average_precision(scores, bools("10101"), bools("11111")) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_average_precision_takes_a_score_of_minus_infinity_for_never_found() -> None:
    scores = floats(5, 4, MISS)[None]
    assert mean_average_precision(scores, bools("101"), bools("111")) == pytest.approx((1 + 0) / 2)


def test_average_precision_ranks_what_is_wrong_first_among_equals() -> None:
    assert average_precisions(floats(2, 2, 2)[None], bools("011"), bools("111")).tolist() == [(1 / 2 + 2 / 3) / 2]


def test_each_row_is_measured_alone() -> None:
    scores = np.stack([floats(3, 2, 1), floats(3, 2, 1), floats(3, 2, 1)])
    relevant, eligible = bools("100", "001", "000"), bools("111", "111", "111")
    assert first_is_right(scores, relevant, eligible).tolist() == [1.0, 0.0, pytest.approx(np.nan, nan_ok=True)]
    assert average_precisions(scores, relevant, eligible)[:2].tolist() == [1.0, pytest.approx(1 / 3)]


def test_mean_average_precision_ranks_eligible_columns_only_and_is_none_without_any_relevant() -> None:
    scores = floats(9, 5, 1)[None]
    assert mean_average_precision(scores, bools("001"), bools("011")) == pytest.approx(1 / 2)
    assert mean_average_precision(scores, bools("100"), bools("011")) is None


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores without ties but for misses, what is relevant and what is eligible."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    order = np.array(draw(st.permutations(range(rows * columns))), np.float32).reshape(rows, columns)
    missed, relevant, eligible = (
        np.array(draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))).reshape(rows, columns)
        for _ in range(3)
    )
    return np.where(missed, np.float32(MISS), order), relevant, eligible


def ranked(scores: np.ndarray, relevant: np.ndarray, eligible: np.ndarray) -> list[list[tuple[bool, bool]]]:
    """Of each row with something to find: (relevant, reached), best first."""
    rows = []
    for row in range(len(scores)):
        columns = [column for column in range(scores.shape[1]) if eligible[row, column]]
        columns.sort(key=lambda column, row=row: -scores[row, column])  # type: ignore[misc]
        found = [(bool(relevant[row, column]), bool(scores[row, column] > MISS)) for column in columns]
        if any(right for right, _ in found):
            rows.append(found)
    return rows


@quiet
@given(tables())
def test_precision_at_1_equals_the_plain_count(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    rows = ranked(*table)
    expected = sum(right and reached for (right, reached), *_ in rows) / len(rows) if rows else None
    assert precision_at_1(*table) == (None if expected is None else pytest.approx(expected))


@quiet
@given(tables())
def test_mean_average_precision_equals_the_plain_count(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    averages = []
    for row in ranked(*table):
        precisions, found = [], 0
        for rank, (right, reached) in enumerate(row, start=1):
            if right:
                found += 1
                precisions.append(found / rank if reached else 0.0)
        averages.append(sum(precisions) / len(precisions))
    expected = sum(averages) / len(averages) if averages else None
    assert mean_average_precision(*table) == (None if expected is None else pytest.approx(expected))


# -- equal error rate ----------------------------------------------------------------------------------------


def test_the_equal_error_rate_of_two_kinds_apart_is_0_and_of_two_kinds_swapped_1() -> None:
    assert equal_error_rate(floats(3, 4), floats(1, 2)) == 0.0
    assert equal_error_rate(floats(1, 2), floats(3, 4)) == 1.0


def test_one_of_four_on_the_wrong_side_each_way_is_an_equal_error_rate_of_a_quarter() -> None:
    assert equal_error_rate(floats(1, 5, 6, 7), floats(0, 2, 3, 5.5)) == 0.25


def test_there_is_no_equal_error_rate_without_both_kinds() -> None:
    assert equal_error_rate(floats(), floats(1)) is None
    assert equal_error_rate(floats(1), floats()) is None


@quiet
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
)
def test_the_equal_error_rate_equals_that_of_trying_every_bar(same: list[int], different: list[int]) -> None:
    tried = []
    for threshold in sorted({*same, *different}):
        rejected = sum(score < threshold for score in same) / len(same)
        accepted = sum(score >= threshold for score in different) / len(different)
        tried.append((abs(rejected - accepted), (rejected + accepted) / 2))
    least = min(gap for gap, _ in tried)
    rate = equal_error_rate(floats(*same), floats(*different))
    assert any(rate == pytest.approx(value) for gap, value in tried if gap <= least + 1e-9)


# -- B-cubed -------------------------------------------------------------------------------------------------


def test_bcubed_of_the_true_groups_is_1_whatever_they_are_called() -> None:
    assert bcubed(np.array([7, 7, 2, 5]), np.array(["a", "a", "b", "c"])) == BCubed(1.0, 1.0, 1.0)


def test_bcubed_of_everyone_alone_is_precise_and_recalls_the_inverse_of_each_group() -> None:
    found = bcubed(np.arange(4), np.array([0, 0, 0, 1]))
    assert found.precision == 1.0
    assert found.recall == pytest.approx((1 / 3 + 1 / 3 + 1 / 3 + 1) / 4)


def test_bcubed_of_everyone_together_recalls_all_and_is_as_precise_as_the_groups_are_large() -> None:
    found = bcubed(np.zeros(4, int), np.array([0, 0, 0, 1]))
    assert found.recall == 1.0
    assert found.precision == pytest.approx((3 / 4 * 3 + 1 / 4) / 4)
    assert found.f1 == pytest.approx(2 * found.precision / (found.precision + 1))


def test_bcubed_of_the_textbook_example() -> None:
    # Groups {a a b} {b b} against the truth {a a} {b b b}: precision (2/3 2/3 1/3 1 1)/5, recall (1 1 1/3 2/3 2/3)/5.
    found = bcubed(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1]))
    assert found.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert found.recall == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)


@quiet
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=15))
def test_bcubed_equals_the_mean_over_each_members_own_group(pairs: list[tuple[int, int]]) -> None:
    precisions, recalls = [], []
    for group, actor in pairs:
        together = [other for other in pairs if other[0] == group]
        belonging = [other for other in pairs if other[1] == actor]
        right = [other for other in together if other[1] == actor]
        precisions.append(len(right) / len(together))
        recalls.append(len(right) / len(belonging))
    precision, recall = sum(precisions) / len(pairs), sum(recalls) / len(pairs)
    found = bcubed(np.array([group for group, _ in pairs]), np.array([actor for _, actor in pairs]))
    assert (found.precision, found.recall) == (pytest.approx(precision), pytest.approx(recall))
    assert found.f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_bcubed_of_each_is_their_own_precision_and_recall() -> None:
    precisions, recalls = bcubed_of_each(np.array([4, 4, 4, -1]), np.array(["a", "a", "b", "b"]))
    assert precisions.tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1])
    assert recalls.tolist() == [1, 1, 0.5, 0.5]


# -- members of voices ---------------------------------------------------------------------------------------


def right(voices: str, actors: str) -> list[float | None]:
    found = members_are_right(np.array(list(voices)), np.array(list(actors)))
    return [None if np.isnan(value) else float(value) for value in found]


def test_a_member_is_right_when_its_actor_is_the_most_frequent_of_the_others() -> None:
    assert right("1111", "aaab") == [1, 1, 1, 0]


def test_two_members_of_one_actor_are_right_and_of_two_actors_wrong() -> None:
    assert right("1122", "aabc") == [1, 1, 0, 0]


def test_among_actors_equally_frequent_each_is_right() -> None:
    # The others of the first a are one a and one b: a tie. The others of b are two a: b is outvoted.
    assert right("111", "aab") == [1, 1, 0]
    assert right("11111", "aaabb") == [1, 1, 1, 0, 0]
    assert right("1111", "aabb") == [0, 0, 0, 0]


def test_a_member_alone_in_its_voice_cannot_be_judged() -> None:
    assert right("1223", "aabc") == [None, 0, 0, None]


@quiet
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=14))
def test_members_are_judged_as_by_counting_the_others(members: list[tuple[int, int]]) -> None:
    expected: list[float | None] = []
    for place, (voice, actor) in enumerate(members):
        others = [a for other, (v, a) in enumerate(members) if other != place and v == voice]
        most = max((others.count(each) for each in others), default=0)
        expected.append(None if not others else float(others.count(actor) == most))
    assert right("".join(str(v) for v, _ in members), "".join(str(a) for _, a in members)) == expected


# -- cost of log-likelihood ratios ---------------------------------------------------------------------------


def test_ratios_that_say_nothing_cost_one_bit() -> None:
    assert log_likelihood_ratio_cost(np.zeros(3), np.zeros(50)) == pytest.approx(1.0)


def test_ratios_that_are_sure_cost_nothing_when_right_and_as_much_as_they_are_sure_when_wrong() -> None:
    sure = np.full(4, 1000.0)
    assert log_likelihood_ratio_cost(sure, -sure) == pytest.approx(0.0)
    assert log_likelihood_ratio_cost(-sure, sure) == pytest.approx(1000 / np.log(2))


def test_the_cost_weighs_both_kinds_equally_however_many_there_are() -> None:
    # Odds of 3 to 1: log2(1 + 1/3) for one voice, and log2(1 + 1/3) for two.
    ratio = np.log(3.0)
    assert log_likelihood_ratio_cost(np.array([ratio]), np.full(99, -ratio)) == pytest.approx(np.log2(4 / 3))
    assert log_likelihood_ratio_cost(np.array([ratio]), np.zeros(99)) == pytest.approx((np.log2(4 / 3) + 1) / 2)


def test_there_is_no_cost_without_both_kinds() -> None:
    assert log_likelihood_ratio_cost(np.zeros(0), np.zeros(1)) is None
    assert log_likelihood_ratio_cost(np.zeros(1), np.zeros(0)) is None


def test_a_likelihood_ratio_is_the_odds_without_the_prior_odds() -> None:
    log_odds = np.log(np.array([1 / 99, 1.0, 99.0]))
    assert log_likelihood_ratios(log_odds, 0.01) == pytest.approx(np.log([1, 99, 99 * 99]))
    assert np.isfinite(log_likelihood_ratios(log_odds, 0.0)).all()


# -- calibration error ---------------------------------------------------------------------------------------


def test_the_calibration_error_is_the_gap_between_what_was_said_and_what_was_so() -> None:
    # Bin 0.2..0.3: said 0.25, was 0.5. Bin 0.9..1: said 0.95, was 1.
    found = calibration_error(floats(0.25, 0.25, 0.95, 0.95), np.array([True, False, True, True]))
    assert found.ece == pytest.approx((2 * 0.25 + 2 * 0.05) / 4)
    assert found.brier == pytest.approx((0.75**2 + 0.25**2 + 0.05**2 + 0.05**2) / 4)


def test_certainty_that_is_right_has_no_error_and_certainty_that_is_wrong_all_of_it() -> None:
    right = calibration_error(floats(0, 1), np.array([False, True]))
    wrong = calibration_error(floats(0, 1), np.array([True, False]))
    assert ((right.ece, right.brier), (wrong.ece, wrong.brier)) == ((0, 0), (1, 1))


def in_bins(said: list[float], so: list[bool], bins: int) -> float:
    members: dict[int, list[tuple[float, bool]]] = {}
    for probability, outcome in zip(said, so, strict=True):
        members.setdefault(min(int(probability * bins), bins - 1), []).append((probability, outcome))
    return sum(abs(sum(p for p, _ in one) - sum(o for _, o in one)) for one in members.values()) / len(said)


@quiet
@given(st.lists(st.tuples(st.integers(0, 64), st.booleans()), min_size=1, max_size=30))
def test_the_calibration_error_equals_the_plain_one(rows: list[tuple[int, bool]]) -> None:
    said, so = [number / 64 for number, _ in rows], [outcome for _, outcome in rows]
    found: Any = calibration_error(floats(*said), np.array(so))
    assert found.ece == pytest.approx(in_bins(said, so, 10), abs=1e-6)
    assert found.brier == pytest.approx(sum((p - o) ** 2 for p, o in zip(said, so, strict=True)) / len(said), abs=1e-6)


def test_reliability_lists_the_bins_that_have_members() -> None:
    rows = reliability(floats(0.25, 0.25, 0.95, 1.0), np.array([True, False, True, True]))
    assert [(row.low, row.high, row.count, row.right) for row in rows] == [(0.2, 0.3, 2, 0.5), (0.9, 1.0, 2, 1.0)]
    assert [row.mean_probability for row in rows] == pytest.approx([0.25, 0.975])


def test_without_predictions_there_are_no_bins() -> None:
    assert reliability(floats(), np.zeros(0, bool)) == ()
