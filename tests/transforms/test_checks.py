"""No setting of a transform may spoil data, or do nothing, without a word."""

import dataclasses
import math

import pytest

from seqae.transforms import augmentations, corruptions, images, masked_images, spectrograms
from seqae.transforms.checks import FiniteSettings

TRANSFORMS = [
    each
    for module in (augmentations, corruptions, images, masked_images, spectrograms)
    for each in vars(module).values()
    if dataclasses.is_dataclass(each) and each.__module__ == module.__name__
    if each not in (corruptions.Compose, corruptions.Clamp)
]
FLOATS = [
    (each, field.name)
    for each in TRANSFORMS
    for field in dataclasses.fields(each)
    if field.type == "float" and field.name != "value"
]


def made(kind: type, **settings):
    needed = {each.name: 1 for each in dataclasses.fields(kind) if each.default is dataclasses.MISSING}
    return kind(**needed | settings)


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_every_transform_checks_its_settings(kind):
    assert issubclass(kind, FiniteSettings)
    made(kind)


@pytest.mark.parametrize(("kind", "name"), FLOATS)
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_named(kind, name, wrong):
    with pytest.raises(ValueError, match=rf"^{name} is {wrong} in {kind.__name__}\. Expected a "):
        made(kind, **{name: wrong})


@pytest.mark.parametrize("wrong", [-0.1, 1.5])
def test_a_probability_is_from_0_to_1(wrong):
    with pytest.raises(ValueError, match=rf"p is {wrong} in MaskSteps\. Expected a probability"):
        corruptions.MaskSteps(wrong)


def test_values_may_be_replaced_by_missing_ones():
    assert math.isnan(corruptions.MaskValues(0.5, math.nan).value)


@pytest.mark.parametrize("bounds", [(1.0, 0.0), (math.nan, 1.0), (0.0, math.nan)])
def test_a_range_that_is_none_is_refused_and_open_ones_are_not(bounds):
    corruptions.Clamp(0.0, math.inf)
    with pytest.raises(ValueError, match="Expected a range"):
        corruptions.Clamp(*bounds)
