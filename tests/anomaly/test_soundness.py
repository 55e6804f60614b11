"""Parts that would make a detector silent are refused, one by one."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from generators import wide_readings as readings
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.soundness import require_numbers
from seqae.anomaly.window_models import PCA


def test_every_number_has_to_be_finite_and_above_the_bound():
    require_numbers("scale", np.array([1.0, 2.0]), (2,), above=0)
    for bad, message in (([1.0, 0.0], "Expected more than 0"), ([1.0, np.nan], "not finite"), ([1.0], "of shape")):
        with pytest.raises(ValueError, match=f"scale.*{message}"):
            require_numbers("scale", np.array(bad), (2,), above=0)


def test_a_coarser_model_that_makes_no_numbers_is_refused_too():
    scorer = AnomalyDetector(PCA(), resolutions=(1, 2), window=4).fit(readings(300, seed=0)).scorer_
    finest, coarser = scorer.resolutions
    broken = copy.deepcopy(coarser.model)
    for tensor in broken.state_dict().values():
        tensor.fill_(1e300)
    scorer.check_soundness()
    with pytest.raises(ValueError, match="usual windows what is no finite number"):
        replace(scorer, resolutions=(finest, replace(coarser, model=broken))).check_soundness()
