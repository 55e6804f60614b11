"""Every layout of a table is read right, or refused with the option by which it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layouts import LAYOUTS, Layout
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording


def assert_read(recording: Recording, layout: Layout) -> None:
    np.testing.assert_array_equal(recording.values, layout.values)
    assert recording.channels == layout.channels
    assert recording.units == layout.units
    if layout.times is None:
        assert recording.times is None
    else:
        np.testing.assert_array_equal(recording.times, layout.times)
    assert any(layout.remark in warning for warning in ("", *recording.warnings))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read_right_or_refused_with_the_option_by_which_it_is(name: str, tmp_path: Path):
    layout = LAYOUTS[name]
    path = tmp_path / f"run{layout.ending}"
    path.write_bytes(layout.text if isinstance(layout.text, bytes) else layout.text.encode())
    told: dict[str, Any] = {}
    while told != layout.options:
        with pytest.raises(ValueError) as caught:
            as_recordings(path, **told)
        message = str(caught.value)
        assert "\n" not in message and path.name in message
        named = {key: value for key, value in layout.options.items() if f"{key}={value!r}" in message}
        assert named, message
        told |= named
    recordings = as_recordings(path, **told)
    assert tuple(recording.entity for recording in recordings) == layout.machines
    for recording in recordings:
        assert_read(recording, layout)


def test_signs_between_thousands_are_not_taken_for_decimal_ones_without_a_choice(tmp_path: Path):
    path = tmp_path / "energy.csv"
    path.write_text("time,energy\n" + "".join(f'2024-03-{day:02} 00:00,"{day},500"\n' for day in range(1, 20)))
    with pytest.raises(ValueError, match=r"decimal=',' for fractions or decimal='.' for thousands"):
        as_recordings(path)
    for decimal, first in ((",", 1.5), (".", 1500)):
        (recording,) = as_recordings(path, decimal=decimal)
        assert recording.values[0, 0] == first


def test_a_value_column_that_is_not_named_is_proposed(tmp_path: Path):
    path = tmp_path / "run.csv"
    path.write_bytes(str(LAYOUTS["tidy"].text).encode())
    for given, other in (("tag_column", "value_column"), ("value_column", "tag_column")):
        options: dict[str, Any] = {given: LAYOUTS["tidy"].options[given]}
        with pytest.raises(ValueError, match=rf"Name it: {other}='{LAYOUTS['tidy'].options[other]}'"):
            as_recordings(path, **options)


def test_blank_lines_among_those_that_were_skipped_are_no_header(tmp_path: Path):
    (tmp_path / "run.csv").write_text("report\n\n1,2\n3,4\n")
    (recording,) = as_recordings(tmp_path / "run.csv", skip_lines=2)
    assert recording.values.tolist() == [[1, 2], [3, 4]]


def test_series_of_a_metrics_server_are_machines_by_the_labels_that_differ(tmp_path: Path):
    series = [
        {
            "metric": {"__name__": "load", "instance": name},
            "values": [[1700000000 + 15 * n, f"{n}.5"] for n in range(9)],
        }
        for name in ("a:9100", "b:9100")
    ]
    path = tmp_path / "range.json"
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}}))
    with pytest.raises(ValueError, match="by='instance'"):
        as_recordings(path)
    recordings = as_recordings(path, by="instance")
    assert [recording.entity for recording in recordings] == ["a:9100", "b:9100"]
    assert recordings[1].values[:, 0].tolist() == [n + 0.5 for n in range(9)]
    assert str(recordings[0].times[1]) == "2023-11-14T22:13:35.000000000"  # type: ignore[index]


def test_advice_to_leave_out_a_line_names_its_beginning_alone(tmp_path: Path):
    path = tmp_path / "long.csv"
    path.write_text(f"time,temp,press\n{'[' * 5000},a,b\n1,2,3\n2,3,4\n")
    with pytest.raises(ValueError, match=r"leave the other out: comment='\[{60}'") as error:
        as_recordings(path)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("names", ["temp", "temp,press"])
@pytest.mark.parametrize("sign", ["\f", "\v", " \f", "\f \r"])
def test_a_sign_for_a_printer_to_begin_a_page_is_no_row(tmp_path: Path, names: str, sign: str):
    path, width = tmp_path / "pages.csv", len(names.split(","))
    lines = [names, *(",".join([str(row)] * width) for row in (1.5, 2.5)), sign, ",".join(["3.5"] * width), sign]
    path.write_bytes("\n".join(lines).encode())
    (found,) = as_recordings(path)
    assert found.values.tolist() == [[row] * width for row in (1.5, 2.5, 3.5)]
