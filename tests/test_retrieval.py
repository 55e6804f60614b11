import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from seqae.retrieval import (
    FloatIndex,
    HammingIndex,
    HNSWIndex,
    RerankIndex,
    iterative_quantisation,
    mean_average_precision,
    neighbour_purity,
    pack_bits,
    precision_at_k,
)

RANDOM = np.random.default_rng(0)


@settings(max_examples=30, deadline=None)
@given(codes=st.integers(1, 40), queries=st.integers(1, 300), size=st.integers(1, 130), seed=st.integers(0, 99))
def test_searches_agree_with_sorting_all_distances(codes, queries, size, seed):
    random = np.random.default_rng(seed)
    vectors = random.integers(-3, 3, (codes, size)).astype(float)  # whole numbers: many are equally near
    asked = random.integers(-3, 3, (queries, size)).astype(float)
    count = int(random.integers(1, codes + 1))
    far = np.square(asked[:, None] - vectors).sum(axis=2)
    found = FloatIndex(vectors).search(asked, count)
    assert np.array_equal(found.indices, np.argsort(far, axis=1, kind="stable")[:, :count])
    assert np.allclose(found.distances, np.sort(far, axis=1)[:, :count], atol=1e-3)
    differ = ((asked > 0)[:, None] != (vectors > 0)).sum(axis=2)
    found = HammingIndex(pack_bits(vectors)).search(pack_bits(asked), count)
    assert np.array_equal(found.indices, np.argsort(differ, axis=1, kind="stable")[:, :count])
    assert np.array_equal(found.distances, np.sort(differ, axis=1)[:, :count])


def test_few_of_many_are_found_as_well():
    codes, queries = RANDOM.normal(size=(5000, 6)).round(), RANDOM.normal(size=(9, 6)).round()
    far = np.square(queries[:, None] - codes).sum(axis=2)
    assert np.array_equal(FloatIndex(codes).search(queries, 7).indices, np.argsort(far, axis=1, kind="stable")[:, :7])


def test_a_list_of_all_is_a_search_by_the_long_codes():
    codes, queries = RANDOM.normal(size=(300, 90)), RANDOM.normal(size=(11, 90))
    short, asked_short = pack_bits(codes[:, :20]), pack_bits(queries[:, :20])
    long, asked_long = pack_bits(codes), pack_bits(queries)
    listed = RerankIndex(short, long, size=1000).search((asked_short, asked_long), 300)
    assert np.array_equal(listed.distances, HammingIndex(long).search(asked_long, 300).distances)
    few = RerankIndex(short, long, size=30).search((asked_short, asked_long), 30)
    candidates = HammingIndex(short).search(asked_short, 30).indices
    assert np.array_equal(np.sort(few.indices), np.sort(candidates)) and (np.diff(few.distances.astype(int)) >= 0).all()


def test_bits_of_any_number_are_packed():
    for size in (1, 8, 28, 64, 65, 256):
        assert pack_bits(np.ones((3, size))).shape == (3, -(-size // 64))


def test_average_precision_is_scikit_learns():
    relevant = RANDOM.random((20, 50)) < 0.3
    known = [average_precision_score(row, -np.arange(50)) for row in relevant]
    assert mean_average_precision(relevant) == pytest.approx(np.mean(known))
    assert mean_average_precision(relevant, 9) == pytest.approx(mean_average_precision(relevant[:, :9]))
    assert mean_average_precision(np.zeros((1, 5), dtype=bool)) == 0
    assert precision_at_k(np.array([[True, False, True], [False, False, True]]), 2) == 0.25


def test_quantisation_turns_away_from_a_bad_grid():
    # Two clusters on each axis are cut cleanly by bits only after the turn back by 45 degrees.
    corners = RANDOM.choice([-1.0, 1.0], (500, 2)) + 0.05 * RANDOM.normal(size=(500, 2))
    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    project = iterative_quantisation(corners @ turn, 2)
    codes = project(corners @ turn)
    assert np.abs(np.abs(codes) - 1).mean() < 0.15
    assert len(np.unique(pack_bits(codes))) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FloatIndex(np.ones(3)), r"codes of shape \(3,\)"),
        (lambda: FloatIndex(np.array([[1.0], [np.nan]])), "code 1 holds NaN"),
        (lambda: FloatIndex(np.ones((3, 2))).search(np.ones((1, 3)), 1), "queries of size 3 among codes of size 2"),
        (lambda: FloatIndex(np.ones((3, 2))).search(np.ones((1, 2)), 4), "4 neighbours among 3 codes"),
        (lambda: RerankIndex(pack_bits(np.ones((3, 2))), pack_bits(np.ones((4, 2)))), "3 short and 4 long codes"),
    ],
)
def test_what_cannot_be_searched_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_purity_counts_neighbours_of_the_same_class_and_no_code_as_its_own():
    codes, labels = np.array([[0.0], [0.1], [0.2], [9.0], [9.0], [9.0]]), np.array([0, 0, 1, 1, 1, 1])
    assert neighbour_purity(codes, labels, k=2) == pytest.approx((1 + 1 + 0 + 2 + 2 + 2) / 12)


def test_a_graph_finds_what_an_exact_search_finds():
    centres = RANDOM.normal(size=(40, 12)) * 3
    codes = centres[RANDOM.integers(0, 40, 3000)] + RANDOM.normal(size=(3000, 12))
    queries = codes[:200] + 0.1
    exact, found = FloatIndex(codes).search(queries, 10), HNSWIndex(codes).search(queries, 10)
    same = [len(set(few) & set(others)) for few, others in zip(found.indices, exact.indices)]
    assert np.mean(same) > 9.8
    nearest = found.indices[:, 0] == exact.indices[:, 0]
    assert np.allclose(found.distances[nearest, 0], exact.distances[nearest, 0], atol=1e-3)
    assert (np.diff(found.distances) >= 0).all()


def test_a_graph_gives_all_codes_back_even_if_nothing_links_them():
    codes = np.repeat(RANDOM.normal(size=(3, 2)) * 1e3, 100, axis=0)
    found = HNSWIndex(codes, m=2, ef=4).search(codes[:5], 300)
    assert np.array_equal(np.sort(found.indices), np.tile(np.arange(300), (5, 1)))


@pytest.mark.parametrize("codes", [np.zeros((0, 3)), np.full((4, 3), np.nan), np.zeros(4)])
def test_a_graph_of_nothing_is_refused(codes):
    with pytest.raises(ValueError, match="code"):
        HNSWIndex(codes)


def test_codes_that_are_all_alike_are_each_others_neighbours():
    assert neighbour_purity(np.zeros((50, 2)), np.zeros(50), k=3) == 1.0
