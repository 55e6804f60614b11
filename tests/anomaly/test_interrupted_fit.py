"""A fit that fails or is interrupted, at whatever line, leaves a fitted detector as it was, bit by bit."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqae
from generators import wide_readings as readings
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.linear_windows import LinearWindowModel
from seqae.anomaly.online.state import fingerprint
from seqae.anomaly.window_models import PCA, WindowModelFactory
from seqae.transforms.scaler import Scaler

pytestmark = pytest.mark.filterwarnings("ignore:.*normal rows hold about", "ignore:channel '3' is constant")
FOLDER = str(Path(seqae.__file__).parent)
SMALL = {"resolutions": (1,), "window": 4}
OTHER = readings(200, seed=7) * 3 + 5
ERRORS = (KeyboardInterrupt, MemoryError, ValueError, RuntimeError, SystemExit)
LINES = 30  # at which a fit is interrupted


class Stop:
    """Raises an error at one of the lines of seqae, or of one function, that a call runs through, or counts them."""

    def __init__(self, at: int | None, error: type[BaseException], code: CodeType | None = None):
        self.at, self.error, self.code, self.count = at, error, code, 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> Stop | None:
        if not frame.f_code.co_filename.startswith(FOLDER) or self.code not in (None, frame.f_code):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                raise self.error("stopped")
        return self


@contextmanager
def traced(stop: Stop) -> Iterator[Stop]:
    before = sys.gettrace()
    sys.settrace(stop)
    try:
        yield stop
    finally:
        sys.settrace(before)


def state(detector: AnomalyDetector) -> tuple[object, ...]:
    values = readings(60, seed=1)
    (found,) = detector.detect(values)
    bits = found.scores.tobytes(), found.channel_scores.tobytes(), found.reconstruction.tobytes()
    held = {name: id(value) for name, value in vars(detector).items()}
    return bits, held, fingerprint(detector)


def interrupted_at_random_lines(call: Callable[[], object], check: Callable[[], None], lines: int = LINES) -> int:
    """Interrupt a call at many random lines, check after each, and return how often the error came out."""
    with traced(Stop(None, ValueError)) as counter:
        call()
    rng, came_out = random.Random(0), 0
    for number in range(lines):
        at, error = rng.randint(1, counter.count), ERRORS[number % len(ERRORS)]
        try:
            with traced(Stop(at, error)):
                call()
        except error:
            came_out += 1
            check()
    return came_out


def refitting(detector: AnomalyDetector, data: object) -> Callable[[], None]:
    """Return a call that fits a detector again and, if nothing stops it, brings back what it had learnt."""
    kept = dict(vars(detector))

    def call() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            detector.fit(data)
        vars(detector).clear()
        vars(detector).update(kept)

    return call


def unchanged(detector: AnomalyDetector) -> Callable[[], None]:
    before = state(detector)

    def check() -> None:
        assert state(detector) == before

    return check


@pytest.fixture
def detector() -> AnomalyDetector:
    return AnomalyDetector(PCA(), **SMALL).fit(readings(200, seed=0))


def test_a_fit_that_stops_at_any_line_changes_nothing(detector: AnomalyDetector):
    assert interrupted_at_random_lines(refitting(detector, OTHER), unchanged(detector)) > 0.8 * LINES


def test_a_fit_that_stops_at_any_line_of_its_own_changes_nothing(detector: AnomalyDetector):
    call, check = refitting(detector, OTHER), unchanged(detector)
    code = AnomalyDetector.fit.__wrapped__.__code__
    with traced(Stop(None, ValueError, code)) as counter:
        call()
    assert counter.count > 10
    for at in range(1, counter.count):  # the last line returns
        with pytest.raises(KeyboardInterrupt), traced(Stop(at, KeyboardInterrupt, code)):
            call()
        check()


def test_a_warning_that_is_made_an_error_changes_nothing(detector: AnomalyDetector):
    check = unchanged(detector)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="normal rows hold about"):
            detector.fit(readings(200, seed=3)[:, :3])
    check()


def test_a_calibration_that_stops_changes_nothing(detector: AnomalyDetector):
    check = unchanged(detector)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert interrupted_at_random_lines(lambda: detector.recalibrate(OTHER), check, lines=10) > 5


class FailingEncoder(seqae.Encoder):
    """Reads windows of four steps, and raises at one of its calls."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels, self.code_size = channels, 2
        self.layer = nn.Linear(channels, 2)
        self.left = [10**9]  # of all copies

    def __deepcopy__(self, memo: dict[int, object]) -> FailingEncoder:
        copied = FailingEncoder(self.channels)
        copied.load_state_dict(self.state_dict())
        copied.left = self.left
        return copied

    def forward(self, batch: seqae.Batch) -> Tensor:
        self.left[0] -= 1
        if self.left[0] < 0:
            raise MemoryError("no memory")
        return self.layer(batch.values.mean(dim=1))


@pytest.mark.parametrize("calls", [0, 3])
def test_a_model_of_the_user_is_neither_trained_nor_switched(calls: int):
    channels = OTHER.shape[1]
    model = seqae.Autoencoder(FailingEncoder(channels), seqae.ConstantDecoder(nn.Linear(2, channels))).train()
    learnt = AnomalyDetector(model, epochs=1, **SMALL).fit(readings(200, seed=0))
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    check = unchanged(learnt)
    model.encoder.left[0] = calls
    with pytest.raises(MemoryError):
        learnt.fit(OTHER)
    model.encoder.left[0] = 10**9
    check()
    assert model.training and all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


class Keeping(WindowModelFactory):
    """Returns one and the same model each time."""

    is_trainable = False

    def __init__(self) -> None:
        self.model: LinearWindowModel | None = None

    def __call__(self, windows: Tensor, noise: Tensor) -> LinearWindowModel:
        self.model = self.model or PCA()(windows, noise).train()
        self.model.center += windows.mean()
        return self.model


def test_a_factory_that_keeps_its_model_changes_no_fitted_detector():
    factory = Keeping()
    learnt = AnomalyDetector(factory, **SMALL).fit(readings(200, seed=0))
    before = learnt.score_samples(OTHER)
    AnomalyDetector(factory, **SMALL).fit(OTHER)
    assert before.tobytes() == learnt.score_samples(OTHER).tobytes()
    assert factory.model is not None and factory.model.training


def test_a_scaler_that_stops_keeps_its_scale():
    scaler = Scaler().fit([readings(200, seed=0)])
    kept = {name: value.copy() for name, value in vars(scaler).items()}

    def check() -> None:
        assert all(np.array_equal(value, kept[name]) for name, value in vars(scaler).items())

    def fit_again() -> None:
        scaler.fit([OTHER])
        vars(scaler).update(kept)

    assert interrupted_at_random_lines(fit_again, check) > 0.8 * LINES
