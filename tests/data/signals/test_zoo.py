"""Every layout of a table is read right, or refused with the option by which it is."""

from __future__ import annotations

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
    path = tmp_path / "run.csv"
    path.write_bytes(layout.text if isinstance(layout.text, bytes) else layout.text.encode())
    told: dict[str, Any] = {}
    while told != layout.options:
        with pytest.raises(ValueError) as caught:
            as_recordings(path, **told)
        message = str(caught.value)
        assert "\n" not in message and "run.csv, line" in message
        named = {key: value for key, value in layout.options.items() if f"{key}={value!r}" in message}
        assert named, message
        told |= named
    (recording,) = as_recordings(path, **told)
    assert_read(recording, layout)
