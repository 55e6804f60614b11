"""Patterns find machine and channel in topics."""

import pytest

from seqae.service.brokers.topics import TopicPattern


@pytest.mark.parametrize(
    ("pattern", "subscription", "topic", "parts"),
    [
        ("rows", "rows", "rows", ("", "")),
        ("rows", "rows", "rows/more", None),
        ("plant/{machine}/rows", "plant/+/rows", "plant/press 1/rows", ("press 1", "")),
        ("plant/{machine}/rows", "plant/+/rows", "plant//rows", None),
        ("+/{machine}/{channel}", "+/+/+", "hall/m/flow", ("m", "flow")),
        ("{machine}/{channel...}", "+/#", "m/pump/flow", ("m", "pump/flow")),
        ("plant/#", "plant/#", "plant/a/b", ("", "")),
        ("plant/#", "plant/#", "plant", ("", "")),
        ("/{machine}", "/+", "/m", ("m", "")),
        ("a.b/{machine}", "a.b/+", "axb/m", None),
    ],
)
def test_parts(pattern: str, subscription: str, topic: str, parts: tuple | None):
    found = TopicPattern.of(pattern)
    assert (found.subscription, found.parts(topic)) == (subscription, parts)


@pytest.mark.parametrize(
    "pattern", ["", "a/{unit}/b", "a/#/b", "a/x{machine}", "{machine}/{machine}", "{channel}/{channel...}", "a/b+"]
)
def test_a_wrong_pattern_is_refused(pattern: str):
    with pytest.raises(ValueError, match=r"the topic .*Expected"):
        TopicPattern.of(pattern)
