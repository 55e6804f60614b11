import numpy as np
import pytest

from plants import KEEPS_RANGE, KINDS, make_plant, plant_cases

CASES = plant_cases(2, seed0=3, normal=2000, held_out=500, repeats=2, rows=500)
FAULTS = [(case, fault) for case in CASES for fault in case.recordings]


def test_a_seed_gives_the_same_plant_again_and_another_seed_another():
    np.testing.assert_array_equal(make_plant(4, 6, 300), make_plant(4, 6, 300))
    assert not np.allclose(make_plant(4, 6, 300), make_plant(5, 6, 300))


@pytest.mark.parametrize("seed", range(4))
def test_every_channel_follows_from_the_others(seed):
    values = make_plant(seed, rows=4000)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    for channel in range(values.shape[1]):
        others = np.delete(standard, channel, axis=1)
        late = np.concatenate([np.roll(others, shift, axis=0) for shift in range(-12, 13, 3)], axis=1)[20:-20]
        wanted = standard[20:-20, channel]
        weights = np.linalg.lstsq(late[:2000], wanted[:2000], rcond=None)[0]
        assert np.var(wanted[2000:] - late[2000:] @ weights) < 0.6 * np.var(wanted[2000:])


def test_there_are_as_many_recordings_of_each_kind():
    kinds = [fault.kind for _, fault in FAULTS]
    assert {kind: kinds.count(kind) for kind in KINDS} == dict.fromkeys(KINDS, 4)


def test_a_fault_lasts_60_to_120_rows_and_a_spike_one():
    for _, fault in FAULTS:
        rows = np.flatnonzero(fault.labels)
        assert np.ptp(rows) + 1 == len(rows) and rows[0] > 60 and rows[-1] < 440
        assert len(rows) == 1 if fault.kind == "spike" else 60 <= len(rows) <= 120


def test_faults_of_relations_alone_stay_within_what_each_channel_takes_when_it_is_well():
    for case, fault in FAULTS:
        if fault.kind in KEEPS_RANGE:
            channels = list(fault.channels)
            values = fault.values[fault.labels][:, channels]
            assert (values >= case.normal.min(axis=0)[channels]).all()
            assert (values <= case.normal.max(axis=0)[channels]).all()
