"""What is not a number, or of a size that no weight has, is refused when it is saved and when it is loaded."""

from __future__ import annotations

import copy
import json
import random
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from contract.checks import batches_of
from contract.encoders import ENCODERS
from generators import wide_readings as readings
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import PCA, Recurrent
from seqae.artifact import folder as files
from seqae.artifact import inspect, load, save
from seqae.artifact.checksum import add_checksum
from seqae.artifact.weights import pack, unpack

NUMBERS = (10**9, -1, 0, 10**30, 1e300, {"float": "nan"}, {"float": "inf"})
PLACES = 40  # of a description that are changed
MEGABYTES, SECONDS = 100, 3.0  # that a forged file may take


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the weights and renew both checksums, as an attacker would."""
    tensors = unpack((folder / "model.safetensors").read_bytes(), folder)
    change(tensors)
    content = {name: value for name, value in inspect(folder).items() if name not in ("sha256", "weights")}
    files.write(folder, content, pack(tensors))


def small_autoencoder(seed: int = 0) -> seqae.Autoencoder:
    torch.manual_seed(seed)
    encoder = seqae.RecurrentEncoder(seqae.GRU(2, 4), 3)
    return seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.GRU(3, 4), nn.Linear(4, 2))).eval()


@pytest.fixture(scope="module")
def detectors() -> dict[str, AnomalyDetector]:
    kinds = {"pca": (PCA(), (1, 2)), "gru": (Recurrent("gru", 2, 4), (1,))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: AnomalyDetector(factory, resolutions, window=4, epochs=1).fit(readings(300, seed=0)[:, :2])
            for name, (factory, resolutions) in kinds.items()
        }


# Weights


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_neither_saved_nor_loaded(tmp_path, bad):
    model = small_autoencoder()
    folder = save(model, tmp_path / "good")
    with torch.no_grad():
        model.encoder.project.weight[1, 2] = bad
    with pytest.raises(ValueError, match=r"encoder\.project\.weight holds NaN or infinity \(8% of its numbers\)"):
        save(model, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()
    edit_weights(folder, lambda tensors: tensors["encoder.project.weight"].fill_(bad))
    with pytest.raises(ValueError, match=r"good cannot be loaded: encoder\.project\.weight holds NaN or infinity"):
        load(folder)


def test_a_sum_that_overflows_is_no_weight_that_does(tmp_path):
    layer = nn.Linear(4, 4)
    nn.init.constant_(layer.weight, 3e38)
    assert torch.equal(load(save(layer, tmp_path / "layer")).weight, layer.weight)


def test_arrays_beside_the_weights_may_hold_nan(tmp_path):
    values = np.full(2000, np.nan)
    np.testing.assert_array_equal(load(save({"values": values}, tmp_path / "values"))["values"], values)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_weights_of_less_precision_come_back_as_the_same_numbers_in_float32(tmp_path, dtype):
    model = small_autoencoder()
    folder = save(model, tmp_path / "narrow")

    def narrow(tensors: dict[str, torch.Tensor]) -> None:
        tensors.update({name: tensor.to(dtype) for name, tensor in tensors.items()})

    edit_weights(folder, narrow)
    loaded = load(folder)
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, model.state_dict()[name].to(dtype).float())
    assert np.isfinite(seqae.encode(loaded, [np.zeros((3, 2), dtype=np.float32)])).all()


def test_finite_weights_that_make_infinite_codes_are_refused(tmp_path):
    encoder = seqae.MeanEncoder(2, 3).eval()
    folder = save(encoder, tmp_path / "enormous")
    edit_weights(folder, lambda tensors: [tensor.fill_(3e38) for tensor in tensors.values()])
    with pytest.raises(ValueError, match=r"MeanEncoder does not work: it makes NaN or infinity of a sequence"):
        load(folder)


def test_scores_that_are_no_numbers_are_an_error_and_not_silent(detectors, tmp_path):
    values = readings(40, seed=1)[:, :2]
    for detector in detectors.values():
        broken = load(save(detector, tmp_path / "model"))
        for tensor in broken.scorer_.resolutions[0].model.state_dict().values():
            tensor.fill_(torch.nan)
        with pytest.raises(ValueError, match="rows with values what is not a number"):
            broken.score_samples(values)
        with pytest.raises(ValueError, match="holds NaN or infinity"):
            save(broken, tmp_path / "broken")
        values[3] = np.nan
        assert np.isnan(detector.score_samples(values)[3])  # a row without values still has no score


# What networks read


def forge(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a description and renew its checksum."""
    content = json.loads((folder / "seqae.json").read_text())
    del content["sha256"]
    change(content)
    (folder / "seqae.json").write_bytes(add_checksum(content))


def image_autoencoder() -> seqae.Autoencoder:
    size, layers = (1, 12, 20), seqae.modules.conv_encoder((1, 2, 4))
    encoder = seqae.modules.ImageEncoder(layers, code_size=4 * 3 * 5)
    return seqae.Autoencoder(encoder, seqae.ConstantDecoder(seqae.modules.conv_decoder((4, 2, 1), *size[1:]))).eval()


def test_a_network_has_read_a_small_sequence_that_it_still_reads_when_it_is_loaded(tmp_path):
    for model, read in (
        (small_autoencoder(), [2, 2]),
        (image_autoencoder(), [1, 1, 12, 20]),  # no square: as large as what it writes
        (image_autoencoder().decoder, [2, 60]),
        (small_autoencoder().train(), [2, 2]),
    ):
        folder, before = tmp_path / f"{len(list(tmp_path.iterdir()))}", model.training
        assert inspect(save(model, folder))["read"] == {"": read}
        assert model.training == before
        load(folder)
        forge(folder, lambda content: content.update(read={"": [*content["read"][""], 7]}))
        with pytest.raises(ValueError, match=r"does not read .*, as it did when it was saved"):
            load(folder)


@pytest.mark.parametrize("read", [[10**6, 10**6], [0, 2], [-1], [2, 1.5], [], "seven", {"": 1}, None])
def test_what_a_network_is_said_to_have_read_may_be_anything(tmp_path, read):
    folder = save(small_autoencoder(), tmp_path / "model")
    forge(folder, lambda content: content["read"].update({"": read}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            load(folder)
        except ValueError as error:
            assert "cannot be loaded" in str(error)
            assert read is not None
        else:
            assert read is None


@pytest.mark.parametrize("read", [None, 5, [], {"encoder.rnn": [2, 2]}])
def test_an_artifact_that_does_not_tell_what_was_read_is_loaded_or_refused(tmp_path, read):
    folder = save(small_autoencoder(), tmp_path / "model")
    forge(folder, lambda content: content.update(read=read))
    try:
        load(folder)
    except ValueError as error:
        assert "cannot be loaded" in str(error)
        assert read == 5


def test_codes_of_another_size_than_an_encoder_tells_are_not_saved(tmp_path):
    layers = [seqae.TimeDistributed(nn.Linear(3, 4))]
    model = seqae.Autoencoder(seqae.StackedEncoder(layers, 5), seqae.ConstantDecoder(nn.Linear(4, 3)))
    for each, name in ((model, "Autoencoder"), (model.encoder, "StackedEncoder")):
        with pytest.raises(ValueError, match=f"{name} does not work: code_size is 5. Expected 4"):
            save(each, tmp_path / "model")
    model.encoder.code_size = 4
    assert load(save(model, tmp_path / "model")).encoder.code_size == 4


def test_a_network_that_reads_nothing_that_is_known_of_is_saved(tmp_path):
    encoder = seqae.modules.ImageEncoder(seqae.modules.conv_encoder((1, 2, 4)), code_size=4 * 3 * 5)  # 12 x 20
    folder = save(encoder, tmp_path / "model")
    assert inspect(folder)["read"] == {}
    image = torch.rand(12, 20)[None, None]
    np.testing.assert_array_equal(seqae.encode(load(folder), [image]), seqae.encode(encoder, [image]))


# Numbers in the description


def numbers_of(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each number in a tree."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in parts:
        yield from numbers_of(part, (*path, key))
    if isinstance(node, int | float) and not isinstance(node, bool):
        yield path


def changed_everywhere(folder: Path) -> Iterator[str]:
    """Change one number of a description, then another one, and yield where."""
    original = (folder / "seqae.json").read_bytes()
    content = json.loads(original)
    del content["sha256"]
    try:
        places = list(numbers_of(content["tree"], ("tree",)))
        for at, (*path, last) in enumerate(random.Random(0).sample(places, min(PLACES, len(places)))):
            number = NUMBERS[at % len(NUMBERS)]
            forged = copy.deepcopy(content)
            node = forged
            for key in path:
                node = node[key]
            node[last] = number
            (folder / "seqae.json").write_bytes(add_checksum(forged))
            yield f"{'.'.join(map(str, [*path, last]))} = {number}"
    finally:
        (folder / "seqae.json").write_bytes(original)


def check_all_changes(folder: Path, use: Callable[[Any], None], may_fail_in_use: bool) -> int:
    """Load each changed artifact and use it: refused, or it works, with little time and memory; return how many are."""
    before, refused = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    for place in changed_everywhere(folder):
        start = time.process_time()
        try:
            loaded = load(folder)
        except ValueError as error:
            refused += 1
            assert "cannot be loaded" in str(error), place
        else:
            try:
                use(loaded)
            except (RuntimeError, TypeError, ValueError, IndexError, OverflowError, AssertionError) as error:
                assert may_fail_in_use and "allocat" not in str(error), f"{place}: {error!r}"
        assert time.process_time() - start < SECONDS, place
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES
    return refused


@pytest.mark.parametrize("kind", ["pca", "gru"])
def test_a_detector_with_any_other_number_is_refused_or_scores(detectors, tmp_path, kind):
    values = readings(20, seed=1)[:, :2]

    def use(detector: AnomalyDetector) -> None:
        assert np.isfinite(detector.score_samples(values)).all()
        assert np.isfinite(detector.reconstruct(values)).all()

    assert check_all_changes(save(detectors[kind], tmp_path / "model"), use, may_fail_in_use=False) > 10


CHANGED = ["gru", "convolutions", "state means of parts", "conv lstm"]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", CHANGED)
def test_an_encoder_with_any_other_number_is_refused_or_takes_little_memory(tmp_path, name):
    entry = ENCODERS[name]
    batches = batches_of(entry.rows([2, 1]))

    def use(encoder: nn.Module) -> None:
        with torch.inference_mode():
            entry.call(encoder, *batches)

    folder = save(entry.built().eval(), tmp_path / "encoder")
    assert check_all_changes(folder, use, may_fail_in_use=True) > 0


def test_an_array_that_holds_nan_where_a_detector_needs_numbers_is_refused(detectors, tmp_path):
    folder = save(detectors["pca"], tmp_path / "model")
    content = json.loads((folder / "seqae.json").read_text())
    del content["sha256"]
    original, count = json.dumps(content), 0
    scorer = content["tree"]["object"]["learnt"]["scorer_"]["object"]["settings"]
    for part in ("scaler", "calibration", "drift_chart"):
        for name in [*scorer[part]["object"]["settings"], *scorer[part]["object"].get("learnt", {})]:
            forged = json.loads(original)
            owner = forged["tree"]["object"]["learnt"]["scorer_"]["object"]["settings"][part]["object"]
            held = owner["settings"] if name in owner["settings"] else owner["learnt"]
            if (
                not isinstance(held[name], dict)
                or "array" not in held[name]
                or "f8" not in held[name]["array"]["dtype"]
            ):
                continue
            held[name]["array"]["values"] = "nan " + held[name]["array"]["values"].partition(" ")[2]
            (folder / "seqae.json").write_bytes(add_checksum(forged))
            with pytest.raises(ValueError, match="does not work"):
                load(folder)
            count += 1
    assert count >= 6
