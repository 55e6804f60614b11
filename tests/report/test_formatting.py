import numpy as np
import pytest

from seqae.report.formatting import counted, duration, number, percent


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.25 s"), (4, "4 s"), (61, "1 min 1 s"), (3600, "1 h"), (7500, "2 h 5 min"), (90061, "1 d 1 h")],
)
def test_durations_have_their_two_largest_units(seconds, words):
    assert duration(seconds) == words


def test_durations_round_up_into_the_next_unit():
    assert duration(59.7) == "1 min"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "\u2013"),
        (float("nan"), "\u2013"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (12345, "12,345"),
        (np.int64(7), "7"),
        (0.72134, "0.721"),
        (np.float32(0.5), "0.500"),
        (12.345, "12.3"),
        (-2345.6, "-2,346"),
        (0.00012345, "0.000123"),
        (1.7e308, "1.7e+308"),
        (0.0, "0"),
        ("11 of 12", "11 of 12"),
    ],
)
def test_numbers_are_shown_with_the_digits_that_count(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.0001, "< 0.1 %"), (0.0123, "1.2 %"), (0.0999, "10 %"), (0.5, "50 %"), (1, "100 %")],
)
def test_shares_are_percentages(share, words):
    assert percent(share) == words


def test_counts_agree_with_their_noun():
    assert [counted(n, "alarm") for n in (0, 1, 2000)] == ["0 alarms", "1 alarm", "2,000 alarms"]
