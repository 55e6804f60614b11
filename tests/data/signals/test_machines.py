"""Machines in one table are recordings of their own, and never one run."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.signals.loading import as_recordings

TIMES = pd.date_range("2024-03-01", periods=30, freq="10s")


def rows_of(level: float) -> pd.DataFrame:
    return pd.DataFrame({"time": TIMES, "load": level + np.sin(np.arange(30.0)), "heat": np.cos(np.arange(30.0))})


FLEET = {"north": rows_of(1), "south": rows_of(5), "west": rows_of(9)}
BLOCKS = pd.concat([rows.assign(place=name) for name, rows in FLEET.items()], ignore_index=True)
INTERLEAVED = BLOCKS.sort_values("time", kind="stable", ignore_index=True)


def assert_fleet(recordings):
    assert [each.entity for each in recordings] == list(FLEET)
    for recording, rows in zip(recordings, FLEET.values()):
        np.testing.assert_array_equal(recording.values, rows[["load", "heat"]])
        np.testing.assert_array_equal(recording.times, rows["time"].to_numpy())
        assert len(recording.segments()) == 1


@pytest.mark.parametrize("table", [BLOCKS, INTERLEAVED], ids=["blocks", "interleaved"])
@pytest.mark.parametrize("form", ["frame", "csv", "categories", "index"])
def test_a_column_that_is_named_tells_machines_apart(tmp_path, table, form):
    if form == "csv":
        table.to_csv(tmp_path / "fleet.csv", index=False)
        recordings = as_recordings(tmp_path / "fleet.csv", by="place")
        assert {each.name for each in recordings} == {"fleet.csv"}
    elif form == "index":
        recordings = as_recordings(table.set_index(["place", "time"]))  # known without being told, and said
        assert all("by='place'" in " ".join(each.warnings) for each in recordings)
    else:
        table = table.astype({"place": "category"}) if form == "categories" else table
        recordings = as_recordings(table, by="place")
    assert_fleet(recordings)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(90)))
def test_any_interleaving_is_separated_into_the_tables_it_was_made_of(order):
    at = np.empty(90, dtype=int)
    at[list(order)] = np.arange(90)
    turns = np.concatenate([np.sort(at[start : start + 30]) for start in (0, 30, 60)])  # rows of each stay in order
    table = BLOCKS.iloc[np.argsort(turns)]
    recordings = {each.entity: each for each in as_recordings(table, by="place")}
    assert_fleet([recordings[name] for name in FLEET])


@pytest.mark.parametrize("table", [BLOCKS, INTERLEAVED], ids=["blocks", "interleaved"])
@pytest.mark.parametrize("name", ["unit", "place", "x"])
@pytest.mark.parametrize(
    "values", [["north", "south", "west"], [3, 1, 7], [3.0, 1.0, 7.0]], ids=["text", "int", "float"]
)
def test_a_column_that_is_not_named_is_neither_a_channel_nor_forgotten(table, name, values):
    told = table["place"].map(dict(zip(FLEET, values)))
    mixed = table.drop(columns="place").assign(**{name: told})
    with pytest.raises(ValueError, match=rf"column '{name}' .*by='{name}'") as caught:
        as_recordings(mixed)
    assert ("ignore=" in str(caught.value)) == (table is BLOCKS)  # leaving it out would mix rows of the same time
    entities = [each.entity for each in as_recordings(mixed, by=name)]
    assert entities == [str(int(value) if isinstance(value, float) else value) for value in values]


def test_leaving_the_machine_out_of_interleaved_rows_is_refused_too():
    for options in ({"ignore": "place"}, {"channels": ["load", "heat"]}):
        with pytest.raises(ValueError, match="by='place'"):
            as_recordings(INTERLEAVED, **options)
        (recording,) = as_recordings(BLOCKS, **options)
        assert len(recording.segments()) == 3  # where time starts again


def test_cycles_that_count_anew_tell_machines_apart_where_there_are_no_times():
    engines = pd.DataFrame(
        {"unit_nr": np.repeat([1, 2, 3], 40), "cycle": [*range(1, 41)] * 3, "s": np.arange(120) % 7.0}
    )
    for table, names in ((engines, ("unit_nr", "cycle")), (engines.to_numpy(), None)):
        if names is None:
            table, names = pd.DataFrame(table, columns=["0", "1", "2"]), ("0", "1")
        with pytest.raises(ValueError, match=f"by='{names[0]}', time_column='{names[1]}'"):
            as_recordings(table)
        recordings = as_recordings(table, by=names[0], time_column=names[1])
        assert [each.entity for each in recordings] == ["1", "2", "3"]
        assert all(len(each.channels) == 1 for each in recordings)


def test_a_number_that_is_called_a_machine_is_no_channel():
    for values in (7, np.repeat([1, 2, 3], 10)):
        table = rows_of(0).assign(machine_id=values)
        with pytest.raises(ValueError, match=r"'machine_id' seems to name the machine.*by='machine_id'.*ignore="):
            as_recordings(table)
        assert as_recordings(table, ignore="machine_id")[0].channels == ("load", "heat")
        (recording,) = as_recordings(table, channels=["load", "machine_id"])  # if it is one all the same
        assert recording.channels == ("load", "machine_id")


@pytest.mark.parametrize(
    "column",
    [
        {"turbine": [0, 0, 1] * 10},
        {"engine_speed": [800, 900, 1000] * 10},
        {"mode": [1] * 15 + [2] * 15},
        {"rpm": np.random.default_rng(0).integers(1000, 1050, 30)},
    ],
    ids=lambda column: next(iter(column)),
)
@pytest.mark.parametrize(
    "times", [TIMES, TIMES.floor("20s"), TIMES[:15].append(TIMES[:15])], ids=["", "coarse", "twice"]
)
def test_whole_numbers_that_are_readings_stay_channels(column, times):
    (recording,) = as_recordings(rows_of(0).assign(time=times, **column))
    assert recording.channels == ("load", "heat", *column)


def test_two_columns_may_tell_machines_apart_together():
    parts = [rows_of(level).assign(site=site, pump=pump) for level, (site, pump) in enumerate(["a1", "a2", "b1", "b2"])]
    table = pd.concat(parts).sort_values("time", kind="stable")
    with pytest.raises(ValueError, match=r"by=\['site', 'pump'\]"):
        as_recordings(table)
    recordings = as_recordings(table, by=["site", "pump"])
    assert [each.entity for each in recordings] == ["a / 1", "a / 2", "b / 1", "b / 2"]


def test_each_file_and_each_entry_of_a_dict_may_be_a_machine(tmp_path):
    for name, rows in FLEET.items():
        rows.to_csv(tmp_path / f"{name}.csv.gz", index=False)
    assert_fleet(sorted(as_recordings(tmp_path, by="file"), key=lambda each: list(FLEET).index(each.entity)))
    assert_fleet(as_recordings(FLEET))
    assert_fleet(as_recordings({name: tmp_path / f"{name}.csv.gz" for name in FLEET}))
    assert_fleet(as_recordings({name: part.drop(columns="place") for name, part in BLOCKS.groupby("place")}))
    arrays = as_recordings({"m1": np.zeros((3, 2)), "m2": np.ones((4, 2))})
    assert [(each.entity, len(each)) for each in arrays] == [("m1", 3), ("m2", 4)]
    with pytest.raises(ValueError, match="not from a file"):
        as_recordings(FLEET["north"], by="file")


def test_unknown_and_empty_machines_are_named():
    with pytest.raises(ValueError, match=r"no column 'plase'.*Did you mean 'place'"):
        as_recordings(BLOCKS, by="plase")
    with pytest.raises(ValueError, match=r"column 'place' is empty \(row 2\)"):
        as_recordings(BLOCKS.assign(place=BLOCKS["place"].where(BLOCKS.index != 2)), by="place")
    with pytest.raises(ValueError, match="by='place', but an array has no named columns"):
        as_recordings(np.zeros((3, 2)), by="place")


def test_rows_of_each_machine_are_sorted_by_time_where_that_is_asked_for():
    for table in (BLOCKS.iloc[::-1], INTERLEAVED.iloc[::-1]):
        with pytest.raises(ValueError, match=r"newest row comes first.*sort=True"):
            as_recordings(table, by="place")
        recordings = {each.entity: each for each in as_recordings(table, by="place", sort=True)}
        assert_fleet([recordings[name] for name in FLEET])
    shuffled = rows_of(0).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=r"goes back.*sort=True"):
        as_recordings(shuffled)
    np.testing.assert_array_equal(as_recordings(shuffled, sort=True)[0].values, rows_of(0)[["load", "heat"]])
    with pytest.raises(ValueError, match="sort=True, but no column of times"):
        as_recordings(shuffled[["load", "heat"]], sort=True)
