from pathlib import Path

import pytest

from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording


@pytest.fixture
def read():
    def read(path: Path, **options) -> Recording:
        (recording,) = as_recordings(path, **options)
        return recording

    return read
