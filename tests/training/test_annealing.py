import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqae.training.annealing import CyclicalAnnealing, LinearAnnealing

fractions = st.floats(0, 1)


@given(fractions, fractions, st.floats(0.01, 1), st.floats(0, 1))
def test_a_rising_weight_never_falls_and_ends_at_one(one, other, until, first):
    weight = LinearAnnealing(until, first)
    assert weight(0) == first
    assert weight(min(one, other)) <= weight(max(one, other)) <= 1
    assert weight(until) == weight(1) == 1


@given(fractions, st.integers(1, 8), st.floats(0.05, 1))
def test_every_cycle_is_like_the_first(done, cycles, rising):
    weight = CyclicalAnnealing(cycles, rising)
    assert 0 <= weight(done) <= 1
    assert weight(1) == 1
    if done < 0.999:
        once = CyclicalAnnealing(1, rising)(done)
        assert [weight((number + done) / cycles) for number in range(cycles)] == pytest.approx(
            [once] * cycles, abs=1e-6
        )


def test_a_weight_rises_in_a_straight_line():
    assert [CyclicalAnnealing(2, 0.5)(done) for done in (0, 0.125, 0.25, 0.4, 0.5, 0.625)] == [0, 0.5, 1, 1, 0, 0.5]
    assert [LinearAnnealing(0.5, 0.2)(done) for done in (0, 0.25, 0.5, 0.75)] == pytest.approx([0.2, 0.6, 1, 1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinearAnnealing(0),
        lambda: LinearAnnealing(1.5),
        lambda: CyclicalAnnealing(0),
        lambda: CyclicalAnnealing(2, 0),
    ],
)
def test_what_cannot_be_is_named(make):
    with pytest.raises(ValueError, match=r"=|cycles"):
        make()
