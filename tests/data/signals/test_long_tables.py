"""Tables with one row for each value become recordings with one channel for each name."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.signals.loading import as_recordings

TIMES = pd.date_range("2024-05-04 15:00", periods=20, freq="s")
WIDE = pd.DataFrame({"time": TIMES, "flow": np.sin(np.arange(20.0)), "level": np.cos(np.arange(20.0)) * 7})
TOLD = {"tag_column": "tag", "value_column": "value"}


def long(wide: pd.DataFrame = WIDE, tag: str = "tag", value: str = "value") -> pd.DataFrame:
    return wide.melt("time", var_name=tag, value_name=value)


def recorded(data, **options):
    (recording,) = as_recordings(data, **options)
    return recording


@pytest.mark.parametrize(
    "tag", ["Series", "sensor_id", "topic", "_field", "Tag Name", "metric", "Variable", "entity_id"]
)
@pytest.mark.parametrize("value", ["Value", "_value", "state", "Reading [bar]"])
def test_the_message_names_three_options_that_work(tmp_path, tag, value):
    table = long(tag=tag, value=value)
    table.to_csv(tmp_path / "export.csv", index=False)
    plain = value.removesuffix(" [bar]")
    expected = rf"tag_column='{tag}', value_column='{plain}', time_column='time'"
    for options in ({}, {"ignore": tag}):  # to leave the names out would make one channel of all
        with pytest.raises(ValueError, match=f"long table.*export.csv, line 2.*wide: {expected}"):
            as_recordings(tmp_path / "export.csv", **options)
    recording = recorded(tmp_path / "export.csv", tag_column=tag, value_column=value, time_column="time")
    assert recording.channels == ("flow", "level")
    assert recording.units == ({"flow": "bar", "level": "bar"} if plain != value else {})
    np.testing.assert_allclose(recording.values, WIDE[["flow", "level"]])
    np.testing.assert_array_equal(recording.times, TIMES.as_unit("ns"))


@settings(max_examples=20)
@given(st.data())
def test_any_table_made_long_and_wide_again_is_the_same(data):
    rows, channels = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    seconds = sorted(data.draw(st.sets(st.integers(0, 100), min_size=rows, max_size=rows)))
    size = rows * channels
    values, known = (
        np.array(data.draw(st.lists(each, min_size=size, max_size=size))).reshape(rows, channels)
        for each in (st.floats(-1e9, 1e9), st.booleans())
    )
    known[np.arange(rows), np.arange(rows) % channels] = True  # each row has a value, and each channel
    known[np.arange(channels) % rows, np.arange(channels)] = True
    values[~known] = np.nan
    wide = pd.DataFrame(values, columns=[f"c{number}" for number in range(channels)])
    wide.insert(0, "time", TIMES[0] + pd.to_timedelta(seconds, unit="s"))
    table = long(wide).dropna()
    table = table.iloc[data.draw(st.permutations(range(len(table))))]
    recording = recorded(table, **TOLD).select(tuple(wide.columns[1:]))
    np.testing.assert_array_equal(recording.values, values)
    np.testing.assert_array_equal(recording.times, wide["time"].to_numpy())


def test_stamps_that_differ_a_little_are_rows_of_their_own():
    other = WIDE.assign(time=TIMES + pd.Timedelta("1ms"))
    table = pd.concat([long(WIDE[["time", "flow"]]), long(other[["time", "level"]])])
    recording = recorded(table, **TOLD)
    assert len(recording) == 40
    np.testing.assert_array_equal(np.isnan(recording.values), np.arange(80).reshape(40, 2) % 4 // 2 != [[0, 1]] * 40)


def test_each_machine_of_a_long_table_is_made_wide():
    fleet = pd.concat(
        [long().assign(host=host, value=long()["value"] + shift) for host, shift in (("h1", 0), ("h2", 5))]
    )
    with pytest.raises(ValueError, match="tag_column='tag', value_column='value', time_column='time', by='host'"):
        as_recordings(fleet)
    with pytest.raises(ValueError, match=r"column 'host' seems to tell 2 machines apart.*by='host'"):
        as_recordings(fleet, **TOLD)
    first, second = as_recordings(fleet.sample(frac=1, random_state=0).sort_values("host"), **TOLD, by="host")
    assert (first.entity, second.entity, first.channels) == ("h1", "h2", second.channels)
    np.testing.assert_allclose(second.values - first.values, 5)


def test_units_and_the_quality_beside_the_values_are_told():
    table = long().assign(quality=["Good"] * 39 + ["Bad"])
    table["uom"] = table["tag"].map({"flow": "m³/h", "level": "%"})
    recording = recorded(table, **TOLD)
    assert recording.units == {"flow": "m³/h", "level": "%"}
    assert any("'quality' (Good 97.5%, Bad 2.5%)" in each for each in recording.warnings)


def test_values_that_are_there_twice_count_once_and_others_are_not_lost():
    table = long()
    assert len(recorded(pd.concat([table, table.iloc[:3]]), **TOLD)) == 20
    recording = recorded(pd.concat([table, table.iloc[[4]].assign(value=99.0)]), **TOLD)
    assert len(recording) == 21 and 99 in recording.values
    assert any("1 value of column 'value' with the time and 'tag' of another" in each for each in recording.warnings)


def test_words_of_some_channels_are_named_with_their_row_and_what_they_mean():
    table = pd.DataFrame(
        {
            "last_changed": pd.date_range("2024", periods=24, freq="7s"),
            "entity_id": ["sensor.temp", "door.front"] * 12,
            "state": ["21.5", "on", "unavailable", "off"] * 6,
        }
    )
    told = {"tag_column": "entity_id", "value_column": "state", "time_column": "last_changed"}
    with pytest.raises(ValueError, match=r"'sensor.temp' holds text: 'unavailable' \(row 2\)") as caught:
        as_recordings(table, **told)
    assert "missing=['unavailable'], states={'off': 0, 'on': 1}" in str(caught.value)
    recording = recorded(table, **told, missing=["unavailable"], states={"off": 0, "on": 1})
    np.testing.assert_array_equal(recording.values[:4], [[21.5, np.nan], [np.nan, 1], [np.nan, np.nan], [np.nan, 0]])
    assert recorded(table, **told, ignore="sensor.temp", states={"off": 0, "on": 1}).channels == ("door.front",)
    with pytest.raises(ValueError, match=r"no column 'sensor.tmp' to ignore. Did you mean 'sensor.temp'"):
        as_recordings(table, **told, missing="unavailable", states={"off": 0, "on": 1}, ignore="sensor.tmp")


def test_objects_of_json_are_a_channel_for_each_member(tmp_path):
    lines = [{"topic": "press/1", "payload": json.dumps({"temp": 20 + i, "rms": {"x": i / 2}})} for i in range(10)]
    lines += [{"topic": "press/2", "payload": str(i * 3)} for i in range(10)]
    table = pd.DataFrame(lines).assign(time=[*TIMES[:10], *TIMES[:10]])
    recording = recorded(table, tag_column="topic", value_column="payload")
    assert recording.channels == ("press/1 temp", "press/1 rms.x", "press/2")
    np.testing.assert_array_equal(recording.values, [[20 + i, i / 2, 3 * i] for i in range(10)])
    with pytest.raises(ValueError, match=r"not JSON \(row 0"):
        as_recordings(table.assign(payload='{"temp": '), tag_column="topic", value_column="payload")


def test_numbers_may_name_the_channels():
    table = long().assign(tag=np.repeat([101, 7], 20)).rename(columns={"tag": "sensor_id"})
    with pytest.raises(ValueError, match="tag_column='sensor_id'"):
        as_recordings(table)
    assert recorded(table, tag_column="sensor_id", value_column="value").channels == ("101", "7")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tag_column": "tag"}, "tag_column='tag' without a value_column"),
        ({"value_column": "value"}, "value_column='value' without a tag_column"),
        ({"tag_column": "tga", "value_column": "value"}, "no column 'tga'.*Did you mean 'tag'"),
    ],
)
def test_what_is_missing_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        as_recordings(long(), **options)
    with pytest.raises(ValueError, match=r"no column of times.*time_column="):
        as_recordings(long().drop(columns="time"), **TOLD)


@pytest.mark.parametrize(
    "column", [{"state": "run"}, {"item": ["a", "b"] * 10}, {"note": [f"n{i}" for i in range(20)]}]
)
def test_a_wide_table_with_a_column_of_text_is_not_taken_for_a_long_one(column):
    with pytest.raises(ValueError, match="holds text") as caught:
        as_recordings(WIDE[["time", "flow"]].assign(**column))
    assert "tag_column" not in str(caught.value)


def test_values_of_one_sensor_may_have_texts_beside_them():
    table = pd.DataFrame({"time": TIMES, "item": ["a", "a", "b", "b"] * 5, "value": WIDE["flow"]})
    with pytest.raises(ValueError, match=r"tag_column='item'.*if all are values of one sensor: channels=\['value'\]"):
        as_recordings(table)
    assert len(recorded(table, channels=["value"])) == 20
    assert recorded(table.assign(item="a"), ignore="item").channels == ("value",)
    with pytest.raises(ValueError, match="tag_column='tag'"):
        as_recordings(long(), channels="value")  # would make one channel of two sensors


def test_a_detector_that_learnt_from_a_long_table_reads_the_next_one_without_being_told():
    from seqae import AnomalyDetector

    times, rng = pd.date_range("2024", periods=300, freq="s"), np.random.default_rng(0)
    wide = pd.DataFrame({"time": times, "flow": rng.normal(size=300), "level": rng.normal(size=300), "note": 1.5})
    detector = AnomalyDetector().fit(long(wide), **TOLD, ignore="note")
    assert detector.channels_ == ("flow", "level")
    live = long(wide).astype({"value": object})
    live.loc[live["tag"] == "note", "value"] = "late"
    assert detector.score_samples(live).shape == (300,)
