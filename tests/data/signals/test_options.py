"""One vocabulary of reading options."""

import inspect
from dataclasses import fields

import pandas as pd
import pytest

import seqae
from seqae.data import ReadingKeywords, ReadingOptions


def test_keywords_and_attributes_have_the_same_names():
    assert set(ReadingKeywords.__annotations__) == {each.name for each in fields(ReadingOptions)}


@pytest.mark.parametrize("function", [seqae.as_recordings, seqae.AnomalyDetector.fit, seqae.AnomalyDetector.detect])
def test_functions_that_read_name_all_options_in_their_signature(function):
    assert {each.name for each in fields(ReadingOptions)} <= set(inspect.signature(function).parameters)


def test_a_mistyped_option_is_refused_with_the_nearest_one():
    with pytest.raises(TypeError, match=r"no reading option 'time_colum'\. Did you mean time_column"):
        seqae.as_recordings([1.0, 2.0], time_colum="t")


def test_a_detector_remembers_what_columns_mean_and_applies_it_where_they_are():
    frame = pd.DataFrame({"temp": range(200), "note": "x"}).astype({"temp": float})
    detector = seqae.AnomalyDetector().fit(frame, ignore="note")
    assert detector.score_samples(frame).shape == detector.score_samples(frame[["temp"]]).shape == (200,)
    assert detector.reading_ == ReadingOptions(ignore=("note",))
