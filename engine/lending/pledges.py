"""Which loans share rights, and in what order they take from them. docs/numerics.md §19, "Pledges". Arrays alone.

l = loans, k = pledges, one loan after another, e = pairs of loans that follow each other on a right.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[Any]
"""Whole numbers, those of a whole book in few bytes."""


@dataclass(frozen=True)
class Pledges:
    """Rights that are pledged to loans, and the rank that a loan has on each."""

    offset: Longs  # (l + 1)
    asset: Numbers  # (k) the number of the right
    rank: Numbers  # (k) 1 first

    @cached_property
    def loan(self) -> Longs:
        """(k) the loan of each pledge."""
        return np.repeat(np.arange(len(self.offset) - 1), np.diff(self.offset))

    @cached_property
    def by_asset(self) -> Longs:
        """(k) the pledges by right, on each by rank, then in the order of the loans."""
        found: Longs = np.lexsort((self.loan, self.rank, self.asset))
        return found

    @cached_property
    def contested(self) -> Longs:
        """(c) the pledges of rights that are pledged to several loans, in the order of `by_asset`."""
        several = (np.bincount(self.asset) > 1)[self.asset]
        these = np.flatnonzero(several)
        found: Longs = these[np.lexsort((self.rank[these], self.asset[these]))]
        return found

    @cached_property
    def shared(self) -> Mask:
        """(k) whether the right is pledged to other loans too."""
        found = np.zeros(len(self.asset), np.bool_)
        found[self.contested] = True
        return found

    def same_rank(self) -> Mask:
        """(k) whether another loan has the same rank on the right."""
        rank, found = self.rank[self.contested], np.zeros(len(self.asset), np.bool_)
        twice = self._next_on_asset() & (rank[1:] == rank[:-1])
        found[self.contested[1:][twice]] = True
        found[self.contested[:-1][twice]] = True
        return found

    def precedence(self) -> Precedence:
        """Which loan takes before which: each on a right before the next one there, from which all others follow."""
        loan, follows = self.loans_of(self.contested), self._next_on_asset()
        return Precedence(len(self.offset) - 1, loan[:-1][follows], loan[1:][follows])

    def _next_on_asset(self) -> Mask:
        """(c - 1) whether the next of the contested pledges is of the same right."""
        asset = self.asset[self.contested]
        found: Mask = asset[1:] == asset[:-1]
        return found

    def loans_of(self, pledges: Longs) -> Longs:
        """The loan of each of some pledges, by their places."""
        found: Longs = np.searchsorted(self.offset, pledges, side="right") - 1
        return found

    def any_of(self, pledges: Mask) -> Mask:
        """(l) whether a loan has one of some pledges (k)."""
        found = np.zeros(len(self.offset) - 1, np.bool_)
        found[self.loans_of(np.flatnonzero(pledges))] = True
        return found

    def first_of(self, pledges: Mask) -> Longs:
        """(l) of each loan the first of some pledges (k), -1 where it has none."""
        found = np.full(len(self.offset) - 1, -1)
        where = np.flatnonzero(pledges)[::-1]
        found[self.loans_of(where)] = where
        return found

    def take(self, loans: Longs) -> Pledges:
        """Those of some loans, by their places."""
        these = runs(self.offset, loans)
        return Pledges(starts(counts_of(self.offset, loans)), self.asset[these], self.rank[these])


@dataclass(frozen=True)
class Precedence:
    """Pairs of loans of which one takes before the other."""

    loans: int
    senior: Longs  # (e)
    junior: Longs  # (e)

    def followers(self, of: Mask) -> Mask:
        """(l) loans that some (l) precede, directly or not; those themselves are not among them, unless others of them precede them."""
        found, reached = np.zeros(self.loans, np.bool_), of.copy()
        waiting = np.ones(len(self.senior), np.bool_)
        while (now := waiting & reached[self.senior]).any():
            found[self.junior[now]] = True
            reached |= found
            waiting &= ~now
        return found

    def circular(self) -> Mask:
        """(l) loans that cannot be put in an order: they precede themselves, or lie between such loans."""
        left = _peeled(self.loans, *_peeled(self.loans, self.senior, self.junior)[::-1])
        found = np.zeros(self.loans, np.bool_)
        found[np.concatenate(left)] = True
        return found

    def order(self, names: Longs) -> Longs:
        """(l) the loans as they take: again and again the one whose name comes first of those whose predecessors have all been taken.

        names: (l) the place of each loan's name among all. Raises ValueError where pledges are circular.
        """
        by_name = np.argsort(names)
        waits = np.bincount(self.junior, minlength=self.loans)
        followers = self.junior[np.argsort(self.senior, kind="stable")]
        first = starts(np.bincount(self.senior, minlength=self.loans)).tolist()
        found = np.fromiter(_taken(names.tolist(), by_name.tolist(), waits.tolist(), first, followers.tolist()), np.int64)
        if len(found) < self.loans:
            raise ValueError("circular pledges")
        return found


def _taken(names: list[int], by_name: list[int], waits: list[int], first: list[int], followers: list[int]) -> Iterator[int]:
    free = [name for name, loan in enumerate(by_name) if not waits[loan]]
    while free:
        loan = by_name[heapq.heappop(free)]
        yield loan
        for junior in followers[first[loan] : first[loan + 1]]:
            waits[junior] -= 1
            if not waits[junior]:
                heapq.heappush(free, names[junior])


def _peeled(loans: int, senior: Longs, junior: Longs) -> tuple[Longs, Longs]:
    """The pairs that are left when loans without a senior are taken away, again and again."""
    while len(senior):
        has_senior = np.zeros(loans, np.bool_)
        has_senior[junior] = True
        stays = has_senior[senior]
        if stays.all():
            break
        senior, junior = senior[stays], junior[stays]
    return senior, junior


def units(pledges: Pledges, borrower: Longs) -> Longs:
    """(l) the number of each loan's unit, from 0 in the order of their first loans: loans are in one unit where they share a right or a borrower, or
    others in it do. borrower: (l) the number of each loan's borrower."""
    pairs = pledges.precedence()
    by_borrower = np.argsort(borrower, kind="stable")
    same = borrower[by_borrower][1:] == borrower[by_borrower][:-1]
    one = np.concatenate([pairs.senior, by_borrower[:-1][same]])
    other = np.concatenate([pairs.junior, by_borrower[1:][same]])
    first = _least_connected(len(borrower), np.concatenate([one, other]), np.concatenate([other, one]))
    _, number = np.unique(first, return_inverse=True)
    return number


def _least_connected(nodes: int, one: Longs, other: Longs) -> Longs:
    """Of each node the least one that it is connected with: each takes the least parent of a neighbour's parent, for itself and for its own parent,
    until nothing changes (FastSV, Zhang, Azad and Buluç 2020)."""
    parent = np.arange(nodes)
    while True:
        least, before = parent[parent], parent.copy()
        np.minimum.at(parent, before[one], least[other])
        np.minimum.at(parent, one, least[other])
        parent = np.minimum(parent, least)
        if np.array_equal(parent, before):
            return parent


def starts(counts: Longs) -> Longs:
    """Where each of some runs begins and the last one ends. counts (n), their lengths -> (n + 1)"""
    found: Longs = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return found


def runs(offset: Longs, these: Longs) -> Longs:
    """The places of some runs, one after another, of those that begin at offset (n + 1)."""
    counts = counts_of(offset, these)
    begin = starts(counts)
    found: Longs = np.arange(begin[-1]) + np.repeat(offset[these] - begin[:-1], counts)
    return found


def counts_of(offset: Longs, these: Longs) -> Longs:
    """Those of some runs, of those that begin at offset (n + 1): as long as these take, however many others there are."""
    found: Longs = offset[these + 1] - offset[these]
    return found
