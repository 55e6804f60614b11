"""The steps of sequences of each kind."""

from __future__ import annotations

import copy
from typing import Literal

from seqae.data.audio.log_mel import LogMel
from seqae.estimators.steps import AudioSteps, FrameSteps, ReadingSteps, Steps
from seqae.estimators.token_steps import TextSteps, TokenSteps
from seqae.text.vocabulary import BytePairs, Vocabulary


def new_steps(
    kind: str,
    channels: tuple[str, ...],
    vocabulary: Vocabulary | BytePairs | None,
    unknown: Literal["replace", "raise"],
    log_mel: LogMel | None,
) -> Steps:
    """Return steps of a kind, not fitted.

    Args:
        kind: "readings", "frames", "tokens", "texts" or "audio".
        channels: The names of the channels of readings.
        vocabulary: That of texts, which is copied; None for one of words.
        unknown: What becomes of words that it lacks.
        log_mel: The spectrograms of sounds; None for the defaults of `LogMel`.
    """
    if kind == "texts":
        return TextSteps(Vocabulary() if vocabulary is None else copy.deepcopy(vocabulary), unknown)
    if kind == "audio":
        return AudioSteps(LogMel() if log_mel is None else copy.deepcopy(log_mel))
    if kind == "readings":
        return ReadingSteps(channels)
    return FrameSteps() if kind == "frames" else TokenSteps()
