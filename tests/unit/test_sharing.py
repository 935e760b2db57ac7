"""Who bears a loss: exact parts, balances that are never overdrawn, and the shipped programmes and policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvalue.lending.policy import load_policies
from ipvalue.lending.sharing import BEARERS, claims, load_programmes, paid, paying_part
from ipvalue.schema import InputError

shares = st.lists(st.floats(0, 1), min_size=4, max_size=4).map(lambda x: np.array(x) / max(1.0, sum(x)))
losses = st.lists(st.integers(0, 2**62), min_size=1, max_size=40).map(lambda x: np.array(x, np.int64))


@given(losses, shares)
def test_claims_never_exceed_the_loss(loss: Any, share: Any) -> None:
    asked = claims(loss, share)
    assert (asked >= 0).all()
    assert all(sum(int(x) for x in column) <= int(whole) for column, whole in zip(asked.T, loss, strict=True))
    assert np.array_equal(claims(loss[::-1], share), asked[:, ::-1])


def test_the_shares_of_zhongshan_by_hand() -> None:
    shipped = load_programmes()["zhongshan"]
    asked = claims(np.array([1_000_000, 7], np.int64), np.array(shipped.shares))
    assert asked.tolist() == [[540_000, 3], [0, 0], [160_000, 1], [40_000, 0]]  # the bank bears 260,000 and 3


@given(st.lists(st.integers(0, 2**55), min_size=1, max_size=60), st.integers(0, 2**60))
def test_a_balance_is_never_overdrawn_and_leaves_crumbs_alone(asked: list[int], left: int) -> None:
    total = sum(asked)
    part = paying_part(np.array([float(total)]), np.array([float(left)]))
    given_out = sum(int(x) for x in paid(np.array(asked, np.int64), part))
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
