"""What would be learnt in silence is told: marks, labels, copies."""

import warnings

import numpy as np
import pandas as pd
import pytest

from seqae import AnomalyDetector
from seqae.data.signals.loading import as_recordings

RNG = np.random.default_rng(0)
NOISE = RNG.normal(20, 0.5, 2000)
SOME = RNG.choice(2000, 30, replace=False)


def told(**columns) -> str:
    return " | ".join(as_recordings(pd.DataFrame(columns))[0].warnings)


def with_mark(mark: float, rows=SOME, values=NOISE) -> np.ndarray:
    marked = values.copy()
    marked[rows] = mark
    return marked


@pytest.mark.parametrize("mark", [-999, 9999, -99.9, 65535, -32768, 1e20, -1e30, 850, -1])
def test_a_number_that_stands_far_away_again_and_again_is_proposed_as_a_mark(mark):
    message = told(temp=with_mark(mark), other=NOISE**2)
    expected = str(mark) if abs(mark) < 1e15 else repr(float(mark))
    assert f"{expected} in 30 rows of 'temp'" in message and f"missing=[{expected}]" in message
    assert told(temp=with_mark(np.nan), other=NOISE**2) == ""


def test_zeros_in_single_rows_far_from_all_others_are_proposed_too():
    assert "0 in 30 rows of 'temp'" in told(temp=with_mark(0, values=NOISE + 200))


@pytest.mark.parametrize("mark", [-999, 9999])
def test_a_mark_that_people_use_is_told_even_once_or_beside_a_constant(mark):
    assert f"{mark} in 1 row of 'temp'" in told(temp=with_mark(mark, [5]))
    assert f"{mark} in 30 rows of 'temp'" in told(temp=with_mark(mark, values=np.full(2000, 20.0)))


@pytest.mark.parametrize(
    "values",
    [
        NOISE,
        with_mark(26, [7]),
        np.where(np.arange(2000) // 200 % 2, 3000 + NOISE, 0),  # off for a while
        (NOISE > 20) * 1.0,
        RNG.choice([0.0, 5, 100], 2000),
        np.abs(RNG.standard_cauchy(2000)),
        RNG.lognormal(0, 2, 2000),
        np.minimum(NOISE, 20),
        np.where(np.arange(2000) % 100 == 0, NOISE + 50, NOISE),
    ],
    ids=["noise", "spike", "off", "binary", "states", "cauchy", "lognormal", "clipped", "pulses"],
)
def test_readings_are_not_taken_for_marks(values):
    assert "missing=" not in told(temp=values)


def test_several_marks_are_proposed_together_with_those_that_were_given():
    a, b, c = RNG.normal(20, 0.5, (3, 2000))
    table = pd.DataFrame(
        {name: with_mark(mark, values=x) for name, mark, x in (("a", -999, a), ("b", 9999, b), ("c", -1, c))}
    )
    (message,) = as_recordings(table, missing=-1)[0].warnings
    assert message.endswith("missing=[-1, -999, 9999]")
    assert not as_recordings(table, missing=[-1, -999, 9999])[0].warnings


@pytest.mark.parametrize(
    "name", ["is_anomaly", "Label", "class", "target", "fault", "faultNumber", "ATT_FLAG_attack", "y"]
)
def test_labels_are_told_and_readings_of_such_names_are_not(name):
    flagged = f"'{name}' looks like a label" in told(**{name: NOISE > 21})
    assert flagged == (name != "ATT_FLAG_attack")
    assert "looks like a label" not in told(**{name: NOISE})


def test_copies_in_the_same_or_another_unit_are_told():
    message = told(
        a=NOISE, b=NOISE, c=NOISE * 1.8 + 32, d=-NOISE, e=RNG.normal(size=2000), f=NOISE + 0.01 * RNG.normal(size=2000)
    )
    assert "'b' is a copy of 'a', and" in message
    assert "'c' is a copy of 'a' times 1.8 plus 32" in message
    assert "'d' is a copy of 'a' times -1" in message
    assert message.count("copy") == 3
    holes = np.where(RNG.random(2000) < 0.2, np.nan, NOISE)
    assert "'b' is a copy of 'a'" in told(a=NOISE, b=holes)
    assert "copy" not in told(a=NOISE, b=np.where(np.arange(2000) == 77, 5, NOISE))


def test_fit_warns_of_what_it_should_not_learn_once_for_all_runs():
    frame = pd.DataFrame({"temp": with_mark(-999), "press": RNG.normal(size=2000), "is_anomaly": 0, "twin": NOISE})
    frame["mate"] = frame["twin"] * 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        AnomalyDetector().fit([frame[:1000], frame[1000:]])
    messages = [str(each.message) for each in caught if each.category is UserWarning]
    for expected in ("-999 in 30 rows of 'temp'", "'is_anomaly' looks like a label", "'mate' is a copy of 'twin'"):
        assert sum(expected in message for message in messages) == 1
    assert {each.filename for each in caught if each.category is UserWarning} == {__file__}  # the line that called fit
