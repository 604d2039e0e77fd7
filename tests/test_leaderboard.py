"""Leaderboards: strengths by maximum likelihood, when they exist, and their intervals."""

import dataclasses
import math

import evalica
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import optimize

from pipeline.audit.measures import standings
from pipeline.audit.measures.leaderboard import (
    leaderboard_agreement,
    leaderboard_measures,
    leaderboard_notes,
    rank_correlation,
)
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.pair_panel import PairPanel, pairs_of_votes
from pipeline.audit.statistics import strength
from pipeline.audit.statistics.strength import (
    bradley_terry,
    count_results,
    davidson,
    davidson_exists,
)
from schemas import HumanVote

NAN = np.nan
QUICK = Resampling(resamples=200)


def table(n, **cells):
    """(1, n, n) wins and ties of cells such as ``ab=3`` (a beat b three times) or ``a_b=2`` (ties)."""
    wins, ties = np.zeros((1, n, n)), np.zeros((1, n, n))
    for cell, times in cells.items():
        i, j = (ord(letter) - ord("a") for letter in (cell[0], cell[-1]))
        if len(cell) == 2:
            wins[0, i, j] = times
        else:
            ties[0, i, j] = ties[0, j, i] = times
    return wins, ties


def some_results(seed, n=6, per_couple=40, tie=0.25):
    """First, second and sign (M,) of comparisons of n generators that differ in strength."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n)
    first, second = (np.repeat(side, per_couple) for side in np.triu_indices(n, 1))
    won = rng.random(len(first)) < 1 / (1 + np.exp(true[second] - true[first]))
    return first, second, np.where(rng.random(len(first)) < tie, 0, np.where(won, 1, -1))


def pair_panel(rows, n_prompts=None):
    """A panel of rows (prompt, generator, generator, differences of the raters [, of the judge])."""
    prompts, ones, others, human = zip(*(row[:4] for row in rows))
    n = len(rows)
    human = np.asarray(human, dtype=float).reshape(n, -1)
    return PairPanel(
        videos=tuple(f"v{i}" for i in range(2 * n)),
        generators=(*ones, *others),
        first=np.arange(n),
        second=np.arange(n, 2 * n),
        prompts=np.asarray(prompts, dtype=np.intp),
        human=human,
        target=human.mean(axis=1),
        others=np.full_like(human, NAN),
        raters=tuple(f"r{i}" for i in range(human.shape[1])),
        prompt_ids=tuple(f"p{i}" for i in range(n_prompts or max(prompts) + 1)),
        judge=np.asarray([row[4] for row in rows], float) if len(rows[0]) > 4 else None,
    )


def random_panel(seed, n_prompts=40, names=("a", "b", "c"), n_raters=2):
    """Every couple of generators on every prompt; a prompt's raters mostly agree."""
    rng = np.random.default_rng(seed)
    true = np.linspace(-0.8, 0.8, len(names))
    rows = []
    for prompt in range(n_prompts):
        for i, j in zip(*np.triu_indices(len(names), 1)):
            gap = true[i] - true[j] + rng.logistic()
            said = np.where(rng.random(n_raters) < 0.2, 0, np.sign(gap))
            rows.append((prompt, names[i], names[j], said, np.sign(gap + rng.logistic())))
    return pair_panel(rows)


def values(panel, differences, how=QUICK):
    found = leaderboard_measures(panel, differences, how)
    return {(measure.statistic, where): measure for where, measure in found}


def strengths(panel, differences, statistic="bradley_terry_strength", how=QUICK):
    found = values(panel, differences, how).items()
    return {
        where.removeprefix("generator="): measure.interval.value
        for (name, where), measure in found
        if name == statistic
    }


# --- the likelihood ---


def test_three_wins_of_four_are_log_three():
    (found,) = bradley_terry(*table(2, ab=3, ba=1))
    assert found == pytest.approx([math.log(3) / 2, -math.log(3) / 2], abs=1e-12)


def test_a_tie_is_half_a_win():
    # 2 wins and 2 ties of 5: 3 points to 2
    (found,) = bradley_terry(*table(2, ab=2, ba=1, a_b=2))
    assert found[0] - found[1] == pytest.approx(math.log(1.5), abs=1e-12)


def test_davidson_of_two_by_hand():
    # P(a) / P(b) = pi_a / pi_b and P(tie)^2 = nu^2 P(a) P(b), so two generators are fitted without
    # remainder: 8 wins to 2 give log 4, and 4 ties give nu = 4 / sqrt(16).
    found, nu = davidson(*table(2, ab=8, ba=2, a_b=4))
    assert found[0, 0] - found[0, 1] == pytest.approx(math.log(4), abs=1e-12)
    assert nu == pytest.approx([1], abs=1e-12)


def test_a_chain_that_never_met_end_to_end():
    # a and c met b only: each couple is fitted without remainder, so the steps add up.
    (found,) = bradley_terry(*table(3, ab=3, ba=1, bc=4, cb=2))
    assert found[0] - found[2] == pytest.approx(math.log(3) + math.log(2), abs=1e-12)
    assert found.sum() == pytest.approx(0, abs=1e-12)


def test_all_equal_is_exactly_zero():
    wins, ties = table(3, ab=2, ba=2, bc=5, cb=5, ca=1, ac=1, a_b=6)
    assert np.abs(bradley_terry(wins, ties)).max() < 1e-12
    assert np.abs(davidson(wins, ties)[0]).max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_bradley_terry_is_that_of_evalica(seed):
    first, second, signs = some_results(seed)
    winner = {1: evalica.Winner.X, -1: evalica.Winner.Y, 0: evalica.Winner.Draw}
    theirs = evalica.bradley_terry(
        first.tolist(), second.tolist(), [winner[s] for s in signs.tolist()],
        tolerance=1e-14, limit=100_000,
    ).scores.sort_index()  # fmt: skip
    expected = np.log(theirs.to_numpy())
    wins, ties = count_results(first, second, signs, 6)
    (ours,) = bradley_terry(wins[None], ties[None])
    assert ours == pytest.approx(expected - expected.mean(), abs=1e-8)


def davidson_loss(parameters, wins, ties):
    """Minus the logarithm of the likelihood, written from Davidson's definition."""
    pi, nu = np.exp(parameters[:-1]), np.exp(parameters[-1])
    both = nu * np.sqrt(np.outer(pi, pi))
    whole = pi[:, None] + pi[None, :] + both
    upper = np.triu(ties, 1)
    return -(wins * np.log(pi[:, None] / whole)).sum() - (upper * np.log(both / whole)).sum()


@pytest.mark.parametrize("seed", range(3))
def test_davidson_is_the_maximum_of_its_likelihood(seed):
    wins, ties = count_results(*some_results(seed, n=5), 5)
    found, nu = davidson(wins[None], ties[None])
    ours = np.append(found[0], np.log(nu[0]))
    theirs = optimize.minimize(davidson_loss, np.zeros(6), (wins, ties), tol=1e-10)
    expected = theirs.x - np.append(np.full(5, theirs.x[:-1].mean()), 0)
    assert ours == pytest.approx(expected, abs=1e-4)
    assert davidson_loss(ours, wins, ties) <= theirs.fun + 1e-9
    gradient = optimize.approx_fprime(ours, davidson_loss, 1e-6, wins, ties)
    assert np.abs(gradient).max() < 1e-3 * (wins.sum() + ties.sum() / 2)


def test_the_likelihood_knows_a_true_model_again():
    # 200,000 comparisons of each couple: standard errors are about 0.005.
    true, nu = np.asarray([0.7, 0.1, -0.8]), 0.6
    wins, ties = np.zeros((3, 3)), np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            both = nu * math.exp((true[i] + true[j]) / 2)
            whole = math.exp(true[i]) + math.exp(true[j]) + both
            wins[i, j] = 2e5 * math.exp(true[i]) / whole * (i != j)
            ties[i, j] = 2e5 * both / whole * (i != j)
    found, tie = davidson(wins[None], ties[None])
    assert found[0] == pytest.approx(true, abs=1e-9)  # expected counts: no error of sampling
    assert tie[0] == pytest.approx(nu, abs=1e-9)


@pytest.mark.parametrize("start", [[50, -50, 0], [-30, 30, 0], [0, 0, 0]])
def test_the_maximum_is_found_from_anywhere(start):
    wins, ties = table(3, ab=30, ba=1, bc=500_000, cb=1, a_b=7)
    expected = bradley_terry(wins, ties)
    assert np.isfinite(expected).all()
    assert bradley_terry(wins, ties, np.asarray(start, float)) == pytest.approx(expected, abs=1e-8)
    found = davidson(wins, ties, np.asarray(start, float))[0]
    assert found == pytest.approx(davidson(wins, ties)[0], abs=1e-8)


def test_what_is_not_found_is_not_reported(monkeypatch):
    monkeypatch.setattr(strength, "MAX_STEPS", 2)
    assert np.isnan(bradley_terry(*table(2, ab=1000, ba=1))).all()


def test_many_tables_are_solved_as_each_alone():
    alone = [count_results(*some_results(seed), 6) for seed in range(30)]
    wins, ties = (np.stack(side) for side in zip(*alone))
    wins[7, 0, :] = ties[7, 0, :] = ties[7, :, 0] = 0  # this one has no maximum
    together, nu = davidson(wins, ties)
    for row in range(30):
        one, one_nu = davidson(wins[row : row + 1], ties[row : row + 1])
        assert together[row] == pytest.approx(one[0], abs=1e-9, nan_ok=True)
        assert nu[row] == pytest.approx(one_nu[0], abs=1e-9, nan_ok=True)
    assert np.isnan(together[:, 0]).tolist() == [row == 7 for row in range(30)]


def test_blocks_change_nothing(monkeypatch):
    wins, ties = (np.stack(s) for s in zip(*(count_results(*some_results(i), 6) for i in range(9))))
    whole = bradley_terry(wins, ties)
    monkeypatch.setattr(strength, "_CELLS", 2 * 36)
    assert bradley_terry(wins, ties) == pytest.approx(whole, abs=1e-12)


# --- where there is no maximum ---


@pytest.mark.parametrize(
    "cells",
    [
        {"ab": 3, "ac": 2, "bc": 1, "cb": 1},  # a never lost
        {"ab": 1, "ba": 1, "cd": 1, "dc": 1},  # two groups that never met
        {"ab": 1, "ba": 1, "cd": 1, "dc": 1, "ac": 4},  # they met, one way only
        {"ab": 2, "ba": 1},  # c and d never played
    ],
)
def test_no_strengths_without_a_way_back(cells):
    wins, ties = table(4 if {"cd", "ba"} <= set(cells) else 3, **cells)
    assert np.isnan(bradley_terry(wins, ties)).all()
    found, nu = davidson(wins, ties)
    assert np.isnan(found).all()
    assert np.isnan(nu).all()


def test_a_tie_is_a_way_back_for_bradley_terry_but_not_for_davidson():
    # a: 3 wins, 2 ties, no loss. Half wins make it 4 to 1. Davidson's likelihood rises for ever as
    # the gap grows with nu: 3 log P(a) + 2 log P(tie) tends to that of 3/5 and 2/5.
    wins, ties = table(2, ab=3, a_b=2)
    (found,) = bradley_terry(wins, ties)
    assert found[0] - found[1] == pytest.approx(math.log(4), abs=1e-12)
    assert not davidson_exists(wins, ties)[0]
    assert np.isnan(davidson(wins, ties)[0]).all()
    losses = [
        davidson_loss([gap, -gap, gap + math.log(2 / 3)], wins[0], ties[0]) for gap in (1, 5, 10)
    ]
    assert losses[0] > losses[1] > losses[2] > -(3 * math.log(0.6) + 2 * math.log(0.4))


def test_all_ties_say_equal_and_no_tie_parameter():
    wins, ties = table(3, a_b=4, b_c=4)
    assert np.abs(bradley_terry(wins, ties)).max() < 1e-12
    found, nu = davidson(wins, ties)
    assert np.isnan(found).all()
    assert np.isnan(nu).all()


def test_without_ties_davidson_is_bradley_terry():
    wins, ties = table(3, ab=3, ba=1, bc=4, cb=2, ca=1, ac=1)
    found, nu = davidson(wins, ties)
    assert found == pytest.approx(bradley_terry(wins, ties), abs=1e-12)
    assert nu.tolist() == [0]


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(np.int8, (4, 4), elements=st.sampled_from([0, 0, 0, 1])),
    arrays.arrays(np.int8, (4, 4), elements=st.sampled_from([0, 0, 1])),
)
def test_davidson_exists_where_no_direction_leads_on(won, tied):
    wins = won.astype(float) * (1 - np.eye(4))
    ties = np.triu(tied, 1).astype(float)
    ties += ties.T
    if not ties.any():
        return
    # A direction (d, e) in which no outcome that was seen becomes less likely than another of its
    # pair, and one becomes more likely. Seen wins: d_i >= d_j and (d_i - d_j) / 2 >= e; seen ties:
    # e >= |d_i - d_j| / 2. Maximise the sum of all these slacks within a box: zero where a maximum of
    # the likelihood exists and is the only one; d is flat along 1 and along parts that never met.
    rows = []
    for i, j in zip(*np.nonzero(wins)):
        gap = np.eye(5)[i] - np.eye(5)[j]
        rows += [gap, gap / 2 - np.eye(5)[4]]
    for i, j in zip(*np.nonzero(ties)):
        rows.append(np.eye(5)[4] - (np.eye(5)[i] - np.eye(5)[j]) / 2)
    slack = np.asarray(rows)
    best = optimize.linprog(-slack.sum(axis=0), -slack, np.zeros(len(slack)), bounds=(-9, 9))
    met = strength.strongly_connected((wins + wins.T + ties > 0)[None])[0]
    assert davidson_exists(wins[None], ties[None])[0] == (met and -best.fun < 1e-6)
    assert np.isfinite(davidson(wins[None], ties[None])[0]).all() == (met and -best.fun < 1e-6)


# --- from pairs of clips ---


def test_comparisons_are_counted():
    # a beat b twice (once written the other way round) and tied once; a met itself.
    wins, ties = count_results([0, 1, 0, 0], [1, 0, 1, 0], [1, -1, 0, 1], 2)
    assert wins.tolist() == [[0, 2], [0, 0]]
    assert ties.tolist() == [[0, 1], [1, 0]]


def test_every_rater_has_a_vote():
    # b over a: 3 votes of 4 in two pairs; one of a with itself; one that nobody voted on.
    panel = pair_panel(
        [
            (0, "a", "b", (-1, -0.5), NAN),
            (1, "b", "a", (2, -1), 1),
            (1, "a", "a", (1, 1), 1),
            (2, "a", "c", (NAN, NAN), 1),
        ]
    )
    found = values(panel, panel.human)
    assert {where for _, where in found} == {"generator=a", "generator=b", "all"}
    b = found["bradley_terry_strength", "generator=b"]
    assert b.interval.value == pytest.approx(math.log(3) / 2)
    assert (b.n_items, b.n_raters) == (2, 2)
    assert found["davidson_tie", "all"].interval.value == 0
    assert found["davidson_tie", "all"].n_items == 2


def test_votes_become_a_leaderboard():
    # 3 of 4 prompts prefer clip x, made by m1, to y by m2, whichever id is lower.
    votes = [
        HumanVote(
            prompt_id=f"p{i}", video_a=f"{i}x", video_b=f"{i}y", rater="r", dimension="d",
            choice="a" if i else "b", source="s",
        )
        for i in range(4)
    ]  # fmt: skip
    made = {f"{i}{clip}": model for i in range(4) for clip, model in (("x", "m1"), ("y", "m2"))}
    panel = pairs_of_votes(votes, ["d"], made)
    found = strengths(panel, panel.human)
    assert found == pytest.approx({"m1": math.log(3) / 2, "m2": -math.log(3) / 2})


def test_order_sides_and_names_change_nothing():
    panel = random_panel(1)
    before = values(panel, panel.human)
    shuffled = np.random.default_rng(0).permutation(panel.n_pairs)
    swap = np.random.default_rng(1).random(panel.n_pairs) < 0.5
    human = np.where(swap[:, None], -panel.human, panel.human)[shuffled]
    other = dataclasses.replace(
        panel,
        first=np.where(swap, panel.second, panel.first)[shuffled],
        second=np.where(swap, panel.first, panel.second)[shuffled],
        prompts=panel.prompts[shuffled],
        human=human,
    )
    new = {"a": "zebra", "b": "b", "c": "ape"}
    other = dataclasses.replace(other, generators=tuple(new[g] for g in panel.generators))
    after = values(other, human)
    assert len(before) == len(after) == 7
    for (name, where), measure in before.items():
        there = f"generator={new[where[-1]]}" if where != "all" else where
        one, two = measure.interval, after[name, there].interval
        assert (one.value, one.low, one.high) == pytest.approx(
            (two.value, two.low, two.high), abs=1e-7
        )
        assert measure.n_items == after[name, there].n_items


def test_few_comparisons_are_kept_sparse_and_come_to_the_same(monkeypatch):
    panel = random_panel(2)
    dense = values(panel, panel.human)
    monkeypatch.setattr(standings, "_DENSE", 9.0)
    assert standings.sparse.issparse(standings.results_of(panel, panel.human).table)
    thin = values(panel, panel.human)
    for key, measure in dense.items():
        assert thin[key].interval.low == pytest.approx(measure.interval.low, abs=1e-9)
        assert thin[key].interval.value == pytest.approx(measure.interval.value, abs=1e-9)


def test_a_hundred_generators_that_seldom_meet():
    rng = np.random.default_rng(0)
    rows = []
    for prompt in range(1500):
        one, other = rng.choice(100, 2, replace=False)
        rows.append((prompt, f"g{one:02}", f"g{other:02}", [rng.choice([-1, 0, 1])]))
    panel = pair_panel(rows)
    results = standings.results_of(panel, panel.human)
    assert standings.sparse.issparse(results.table)
    wins, ties = results.whole
    assert wins.sum() + ties.sum() / 2 == 1500
    found = strengths(panel, panel.human, how=Resampling(resamples=20))
    assert sum(value for value in found.values() if value is not None) == pytest.approx(0, abs=1e-9)
    assert len(found) == 100


def test_who_never_lost_is_left_out_with_a_reason():
    rows = [(p, "a", "b", [1 if p % 4 else -1]) for p in range(40)]
    rows += [(p, "best", "a", [1]) for p in range(40)] + [(p, "b", "worst", [1]) for p in range(9)]
    rows += [(p, "far", "away", [0]) for p in range(40)] + [(0, "one", "two", [1])]
    panel = pair_panel([(p, x, y, said) for p, x, y, said in rows if x != "far"])
    found = strengths(panel, panel.human)
    assert found["a"] - found["b"] == pytest.approx(math.log(3))
    assert (found["best"], found["worst"], found["one"], found["two"]) == (None,) * 4
    assert leaderboard_notes(panel, panel.human) == [
        "no strength for best: only won against those ranked, or against others above them",
        "no strength for worst: only lost against those ranked, or against others below them",
        "no strength for one, two: no chain of comparisons places them above or below those ranked",
    ]
    two_groups = pair_panel([(p, x, y, said) for p, x, y, said in rows if x in ("a", "far")])
    assert set(strengths(two_groups, two_groups.human).values()) == {None}
    assert leaderboard_notes(two_groups, two_groups.human) == [
        "no largest group of generators in which wins and ties lead from each to every other"
    ]


def test_without_two_generators_there_is_no_leaderboard():
    panel = pair_panel([(0, "a", "a", [1], 1), (1, "b", "b", [1], 1)])
    assert values(panel, panel.human) == {}
    assert leaderboard_notes(panel, panel.human) == ["no two generators were compared"]
    assert leaderboard_agreement(panel, QUICK).interval.value is None
    empty = panel.take(np.zeros(2, dtype=bool))
    assert values(empty, empty.human) == {}
    assert leaderboard_agreement(empty, QUICK).n_items == 0


def test_all_ties_are_equal_strengths_and_no_order():
    panel = pair_panel([(p, "a", "b", [0], 0) for p in range(5)])
    assert strengths(panel, panel.human) == {"a": 0, "b": 0}
    assert strengths(panel, panel.human, "davidson_strength") == {"a": None, "b": None}
    assert leaderboard_agreement(panel, QUICK).interval.value is None
    assert leaderboard_notes(panel, panel.human) == [
        "Davidson's strengths do not exist: no circle of more wins than ties"
    ]


# --- intervals ---


def test_an_interval_is_that_of_resamples_solved_one_by_one():
    panel = random_panel(3, n_prompts=30)
    how = Resampling(resamples=60, seed=5, level=0.8)
    results = standings.results_of(panel, panel.human)
    from pipeline.audit.statistics.bootstrap import draws

    alone = []
    for counts in np.concatenate(list(draws(30, 60, 5))):
        m, r = np.nonzero(np.repeat(counts[panel.prompts, None], 2, axis=1))
        times = counts[panel.prompts[m]].astype(int)
        m, r = np.repeat(m, times), np.repeat(r, times)
        names = np.asarray([results.generators.index(g) for g in panel.generators])
        said = np.sign(panel.human[m, r])
        wins, ties = count_results(names[panel.first[m]], names[panel.second[m]], said, 3)
        alone.append(bradley_terry(wins[None], ties[None])[0, 0])
    found = values(panel, panel.human, how)["bradley_terry_strength", "generator=a"].interval
    assert (found.low, found.high) == pytest.approx(np.quantile(alone, [0.1, 0.9]), abs=1e-8)


def test_a_bound_that_may_be_infinite_is_none():
    # b won one prompt of 20; a share of (19/20)^20 = 0.36 of the resamples never draws it.
    panel = pair_panel([(p, "a", "b", [1 if p else -1]) for p in range(20)])
    found = values(panel, panel.human)["bradley_terry_strength", "generator=a"].interval
    assert found.value == pytest.approx(math.log(19) / 2)
    assert (found.low, found.high) == (None, None)
    # b won 5 of 20: (15/20)^20 = 0.003 never draw one of them.
    panel = pair_panel([(p, "a", "b", [1 if p > 4 else -1]) for p in range(20)])
    found = values(panel, panel.human, Resampling())["bradley_terry_strength", "generator=a"]
    assert found.interval.low < math.log(3) / 2 < found.interval.high


def test_one_prompt_has_no_interval():
    panel = pair_panel([(0, "a", "b", [1]), (0, "a", "b", [-1])])
    found = values(panel, panel.human)["bradley_terry_strength", "generator=a"].interval
    assert (found.value, found.low, found.high) == (pytest.approx(0, abs=1e-12), None, None)


def test_intervals_cover_the_truth_where_raters_of_a_prompt_agree():
    # Three raters who say the same: a third as much is known as it seems. The truth of a and c is
    # -0.8 and 0.8, logistic noise, no ties. 300 samples: 0.95 has a standard error of 0.013.
    rng = np.random.default_rng(11)
    covered, naive = 0, 0
    for _ in range(300):
        rows = []
        for prompt in range(60):
            said = np.sign(rng.logistic(loc=-1.6))
            rows.append((prompt, "a", "c", [said] * 3))
        panel = pair_panel(rows)
        found = values(panel, panel.human, Resampling(resamples=300))
        interval = found["bradley_terry_strength", "generator=c"].interval
        if interval.low is not None and interval.high is not None:
            covered += interval.low <= 0.8 <= interval.high
            share = 1 / (1 + math.exp(-2 * interval.value))
            error = 1.96 / math.sqrt(180 * share * (1 - share)) / 2
            naive += abs(interval.value - 0.8) <= error
        else:
            covered, naive = covered + 1, naive + 1  # it says that it does not know
    assert 0.91 <= covered / 300 <= 0.98
    assert naive / 300 < 0.85


# --- agreement with the raters' leaderboard ---


def test_an_annotator_with_the_raters_order_agrees():
    panel = random_panel(4, n_prompts=80, names=("a", "b", "c", "d"))
    same = dataclasses.replace(panel, judge=panel.human[:, 0])
    found = leaderboard_agreement(same, QUICK)
    assert (found.statistic, found.n_items) == ("leaderboard_spearman", 480)
    assert found.interval.value == pytest.approx(1)
    against = dataclasses.replace(panel, judge=-panel.human[:, 0])
    assert leaderboard_agreement(against, QUICK).interval.value == pytest.approx(-1)


def test_only_pairs_that_both_judged_are_ranked():
    # On the first two rows, the annotator's only ones, b is better; the rest would put a first.
    panel = pair_panel(
        [(p, "a", "b", [said], judge) for p, (said, judge) in enumerate(
            [(-1, -1), (-1, -1), (1, 1), *[(1, NAN)] * 9]
        )]
    )  # fmt: skip
    assert strengths(panel, panel.human)["a"] > 0
    found = leaderboard_agreement(panel, QUICK)
    assert (found.interval.value, found.n_items) == (pytest.approx(1), 3)


def test_rank_correlation_by_hand():
    # ranks 1 2 3 4 against 1 3 2 4: 1 - 6 * 2 / (4 * 15) = 0.8; a constant has no order
    one = np.asarray([[0.1, 0.2, 0.3, 0.4]] * 3)
    other = np.asarray([[0, 2, 1, 3], [0, 0, 0, 0], [0, NAN, 1, 2]], dtype=float)
    assert rank_correlation(one, other) == pytest.approx([0.8, NAN, NAN], nan_ok=True)
