"""Splits by place."""

import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seqae.data.images.surface_defects import defects, surfaces
from seqae.datasets.splits import group_split


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 5))
def test_a_group_is_on_one_side_and_nothing_is_lost(spots, seed):
    names = [f"time{number}_spot{spot}_x" for number, spot in enumerate(spots)]
    numbers = list(range(len(spots)))
    try:
        parts = group_split(numbers, names, r"spot\d", seed)
    except ValueError as error:
        assert "Give more items" in str(error)
        return
    assert sorted([*parts[0], *parts[1], *parts[2]]) == numbers
    assert all(parts)
    places = [{spots[number] for number in part} for part in parts]
    assert sum(map(len, places)) == len(set(spots))
    assert len(parts[2]) >= 0.25 * len(spots)
    assert len(parts[1]) >= 0.15 * len(spots)


def test_the_seed_alone_decides_and_names_without_a_place_stand_for_themselves():
    names = [f"{number:03}" for number in range(40)]
    first = group_split(names, names, r"spot\d")
    assert first == group_split(names, names, r"spot\d")
    assert first != group_split(names, names, r"spot\d", seed=1)
    assert [len(part) for part in first] == [24, 6, 10]


def test_too_few_groups_are_told():
    with pytest.raises(ValueError, match="1 items in 1 groups"):
        group_split([0], ["a"], "x")


def test_generated_surfaces_have_pits_on_every_second_image_and_depend_on_the_seed():
    found = surfaces(32, size=40)
    assert all(each.pixels.shape == (3, 40, 40) and each.mask.shape == (40, 40) for each in found)
    assert not any(each.mask.any() for each in found[::2])
    assert all(each.mask.any() for each in found[1::2])
    assert (surfaces(2)[1].pixels == surfaces(2)[1].pixels).all()
    assert (surfaces(2)[1].pixels != surfaces(2, seed=1)[1].pixels).any()


def test_defects_are_found_in_a_folder_in_a_set_of_that_name_or_made_up(tmp_path):
    for name in ("image/a.png", "mask/a.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("L", (3, 2)).save(tmp_path / name)
    (tmp_path / "bsdata_pitting").mkdir()
    assert [each.name for each in defects(tmp_path)] == ["image/a.png"]
    with zipfile.ZipFile(tmp_path / "bsdata_pitting" / "patches.zip", "w") as packed:
        for part in ("image", "mask"):
            packed.write(tmp_path / part / "a.png", f"train/{part}/a.png")
    assert [each.name for each in defects(tmp_path)] == ["train/image/a.png"]
    assert len(defects("", num_synthetic=5)) == 5
