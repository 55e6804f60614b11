"""Synthetic surfaces."""

from seqae.data.images.synthetic import synthetic_surfaces


def test_generated_surfaces_have_pits_on_every_second_image_and_depend_on_the_seed():
    found = synthetic_surfaces(32, size=40)
    assert all(each.pixels.shape == (3, 40, 40) and each.mask.shape == (40, 40) for each in found)
    assert not any(each.mask.any() for each in found[::2])
    assert all(each.mask.any() for each in found[1::2])
    assert (synthetic_surfaces(2)[1].pixels == synthetic_surfaces(2)[1].pixels).all()
    assert (synthetic_surfaces(2)[1].pixels != synthetic_surfaces(2, seed=1)[1].pixels).any()
