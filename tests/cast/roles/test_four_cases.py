"""From what two spaces say of a pair of characters to the four cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from speaker_search.cast.roles import four_cases as module
from speaker_search.cast.roles.four_cases import CASES, NAMESAKE, Heard, four_cases

HIGH, LOW = 6.0, -9.0  # log-odds


def cases(actor: float, role: float, *, a: float = 0.02, r: float = 0.01, namesake: bool = False) -> dict[str, float]:
    found = four_cases(Heard(np.array([actor]), a), Heard(np.array([role]), r), np.array([namesake]))
    return dict(zip(CASES, found[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("actor", "role", "likeliest"),
    [
        (HIGH, HIGH, "same_role"),
        (HIGH, LOW, "same_actor"),
        (LOW - 4, HIGH + 4, "sound_alike"),
        (LOW, LOW, "different"),
    ],
)
def test_two_sure_spaces_give_the_four_cases(actor: float, role: float, likeliest: str) -> None:
    assert cases(actor, role)[likeliest] > 0.9


def test_probabilities_sum_to_one_also_at_extreme_odds_and_shares() -> None:
    rng = np.random.default_rng(0)
    for a, r in rng.uniform(1e-6, 1 - 1e-6, (50, 2)):
        odds = rng.uniform(-800, 800, (2, 20))
        found = four_cases(Heard(odds[0], a), Heard(odds[1], r), rng.random(20) < 0.5)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert (found >= 0).all()


def test_hearing_nothing_new_leaves_each_space_its_own_probability() -> None:
    """Log-odds at a space's prior are silence: what the four cases say of actor and role is then the shares."""
    found = cases(logit(0.02), logit(0.01))
    assert found["same_role"] + found["same_actor"] == pytest.approx(0.02)
    assert found["same_role"] + found["sound_alike"] == pytest.approx(0.01)


def test_spaces_that_have_nothing_to_do_with_each_other_would_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOGETHER", 0.0)
    found = cases(1.5, -0.5)
    assert found["same_role"] == pytest.approx(expit(1.5) * expit(-0.5))
    assert found["sound_alike"] == pytest.approx(expit(-1.5) * expit(-0.5))


def test_a_sure_role_with_a_doubtful_actor_is_the_same_role() -> None:
    """The product of the probabilities calls half of them sound-alikes."""
    found = cases(0.0, HIGH)
    assert found["same_role"] > 0.9 > 0.1 > found["sound_alike"]


def test_one_name_is_evidence_for_one_role_that_the_voices_can_overrule() -> None:
    plain, named = cases(2.0, -4.0), cases(2.0, -4.0, namesake=True)
    assert plain["same_role"] < 0.5 < named["same_role"]
    assert cases(LOW, LOW, namesake=True)["different"] > 0.9
    assert cases(logit(0.02), logit(0.01), namesake=True)["same_role"] == pytest.approx(NAMESAKE)


def test_more_evidence_for_one_role_never_makes_it_less_likely() -> None:
    odds = np.linspace(-20, 20, 200)
    found = four_cases(Heard(np.full(200, 1.0), 0.05), Heard(odds, 0.02), np.zeros(200, bool))
    assert (np.diff(found[:, 0]) >= 0).all()
    assert (np.diff(found[:, 1]) <= 0).all()
