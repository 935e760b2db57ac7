"""Who bears a loss: exact parts, balances that are never overdrawn, and the shipped programmes and policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvalue.lending.bearing import SUMMED, Terms, bear, claimed, paying_parts
from ipvalue.lending.policy import load_policies
from ipvalue.lending.settlement import Events
from ipvalue.lending.sharing import BEARERS, load_programmes
from ipvalue.schema import InputError

shares = st.lists(st.floats(0, 1), min_size=4, max_size=4).map(lambda x: np.array(x) / max(1.0, sum(x)))
losses = st.lists(st.integers(0, 2**62), min_size=1, max_size=40).map(lambda x: np.array(x, np.int64))


def defaults(loss: Any) -> Events:
    """Losses of as many loans, in their first year on one path."""
    n, none = len(loss), np.zeros(len(loss))
    loans = np.arange(n, dtype=np.int32)
    return Events(
        np.arange(n + 1), loans, np.zeros(n, np.int32), np.ones(n, np.uint8), np.asarray(loss, np.int64), *np.zeros((2, n), np.int64), none, none
    )


def borne(loss: Any, share: Any) -> Any:
    """(5, n) the bearers' parts of losses, then the bank's, without balances."""
    n = len(loss)
    terms = Terms(np.tile(share, (n, 1)), np.full((n, len(BEARERS)), -1))
    return bear(defaults(loss), terms, np.arange(n + 1), np.zeros((0, 0, 0)), np.zeros((len(SUMMED), 1, 2), np.uint64)).parts


@given(losses, shares)
def test_claims_never_exceed_the_loss(loss: Any, share: Any) -> None:
    parts = borne(loss, share)
    assert (parts >= 0).all()
    assert np.array_equal(parts.sum(axis=0), loss)
    assert np.array_equal(borne(loss[::-1], share), parts[:, ::-1])


def test_the_shares_of_zhongshan_by_hand() -> None:
    shipped = load_programmes()["zhongshan"]
    parts = borne(np.array([1_000_000, 7], np.int64), np.array(shipped.shares))
    assert parts.tolist() == [[540_000, 3], [0, 0], [160_000, 1], [40_000, 0], [260_000, 3]]


@given(st.lists(st.integers(0, 2**55), min_size=1, max_size=60), st.integers(0, 2**60))
def test_a_balance_is_never_overdrawn_and_leaves_crumbs_alone(asked: list[int], left: int) -> None:
    total, n = sum(asked), len(asked)
    terms = Terms(np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)), np.tile([0, -1, -1, -1], (n, 1)))
    sums = np.zeros((1, 1, 1, 2), np.uint64)
    claimed(defaults(asked), terms, sums)
    paying = paying_parts(sums, np.array([left]))
    found = bear(defaults(asked), terms, np.arange(n + 1), paying, np.zeros((len(SUMMED), 1, 2), np.uint64)).parts
    given_out = sum(int(x) for x in found[0])
    assert given_out <= min(total, left) if total > left else given_out == total
    if total > left:
        assert left - given_out <= len(asked) + left * 2.0**-48


def test_shipped_programmes_and_policies_have_sources() -> None:
    programmes, policies = load_programmes(), load_policies()
    assert programmes["zhongshan"].shares == (0.54, 0.0, 0.16, 0.04)
    assert (programmes["zhuhai"].bank, programmes["shenzhen"].fund) == (0.60, 0.50)
    assert policies["bank_of_communications"].loan_to_value == {"invention_patent": 0.25, "utility_model": 0.15, "trademark": 0.50}
    for one in (*programmes.values(), *policies.values()):
        assert one.source
    assert len(BEARERS) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fund": 0.5, "bank": 0.4}, "the shares add up to 0.9, not to 1"),
        ({"fund": -0.1, "bank": 1.1}, "greater than or equal to 0|at least 0"),
        ({"fund": 0.5, "bank": 0.5, "balances": {"fond": 1.0}}, "fond"),
        ({"fund": 1.0}, "bank"),
    ],
)
def test_a_programme_that_breaks_a_rule_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load_programmes({"programme": {"mine": content}})
    assert "mine" in str(error.value)


def test_a_policy_names_right_types_that_exist() -> None:
    with pytest.raises(InputError, match=r"trade_mark is no right type.*trademark"):
        load_policies({"policy": {"mine": {"loan_to_value": {"trade_mark": 0.5}}}})
