"""The quicker of kernel and torch computes a layer: measured once, kept for other processes, no reason to fail."""

import json

import pytest
import torch

import seqae
from seqae import Batch
from seqae.modules import native
from seqae.modules.native import build, choice
from seqae.modules.native.choice import Kind

pytestmark = pytest.mark.skipif(build.load_kernel() is None, reason=native.native_status())
LARGE = Kind.of("gru", 300, 40, False)


@pytest.fixture
def measured(monkeypatch, tmp_path) -> list[Kind]:
    """The kinds that are measured meanwhile, each as if the kernel took twice as long; kept in an empty folder."""
    kinds: list[Kind] = []
    monkeypatch.setattr(choice, "_measure", lambda kind: (kinds.append(kind), 0.5)[1])
    monkeypatch.setattr(choice, "_known", {})
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "measured.json")
    return kinds


def runs_by_kernel(layer: seqae.GRU, sequences: int) -> bool:
    batch = Batch.full(torch.zeros(sequences, 5, layer.input_size))
    with torch.no_grad():
        return native.is_supported("gru", batch, None, tuple(layer.forward_layers[0].parameters()))


def test_a_large_layer_is_measured_once_and_torch_computes_it_if_it_is_quicker(measured, monkeypatch):
    layer = seqae.GRU(2, 300)
    assert not runs_by_kernel(layer, 40) and not runs_by_kernel(layer, 50)
    assert measured == 2 * [LARGE]  # torch has to be quicker twice
    monkeypatch.setattr(choice, "_known", {})  # another process
    assert not runs_by_kernel(layer, 40) and len(measured) == 2
    assert not runs_by_kernel(layer, 1) and len(measured) == 4  # another kind


def test_a_small_layer_is_not_measured(measured):
    assert runs_by_kernel(seqae.GRU(2, 128), 40) and not measured


def test_where_numbers_are_rounded_the_kernel_computes_since_torch_does_not_round_in_these_layers(
    measured, monkeypatch
):
    monkeypatch.setattr(choice, "rounds_products", lambda: True)
    assert runs_by_kernel(seqae.GRU(2, 300), 40) and not measured


@pytest.mark.parametrize("ratio, by_kernel", [(2.0, True), (0.85, True), (0.75, False)])
def test_torch_has_to_be_clearly_quicker(measured, monkeypatch, ratio, by_kernel):
    monkeypatch.setattr(choice, "_measure", lambda kind: ratio)
    assert runs_by_kernel(seqae.GRU(2, 300), 40) is by_kernel


SPOILT = [
    b"",
    b"{",
    b"[1]",
    b"[" * 9999,
    b"\xff",
    b"7",
    *[b'{"KIND": %s}' % word for word in (b"-1.0", b"NaN", b'"2"')],
]


@pytest.mark.parametrize("content", SPOILT)
def test_a_spoilt_file_is_measured_again_and_written_anew(measured, tmp_path, content):
    file = tmp_path / "measured.json"
    file.write_bytes(content.replace(b"KIND", str(LARGE).encode()))
    assert choice.advantage(LARGE) == 0.5 and set(measured) == {LARGE}
    assert json.loads(file.read_text()) == {str(LARGE): 0.5}


def test_without_a_file_each_process_measures_for_itself(measured, monkeypatch, tmp_path):
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "nowhere" / "measured.json")
    assert choice.advantage(LARGE) == choice.advantage(LARGE) == 0.5 and measured == 2 * [LARGE]


@pytest.mark.parametrize("kind", [Kind("lstm", 256, 1, True), Kind("gru", 256, 1, False)], ids=str)
def test_to_measure_changes_no_random_numbers_and_works_wherever_it_is_asked_for(kind):
    torch.manual_seed(0)
    expected, threads = torch.rand(1), torch.get_num_threads()
    torch.manual_seed(0)
    with torch.inference_mode(), torch.device("meta"):
        assert 0 < choice._measure(kind) < 1000
    assert torch.equal(torch.rand(1), expected) and torch.get_num_threads() == threads


def test_each_kind_is_there_once():
    assert len(choice.all_kinds()) == len(set(choice.all_kinds())) == 24


def test_what_is_measured_is_of_this_processor_and_torch_and_lies_beside_the_kernel(monkeypatch):
    kept = choice._file()
    assert kept.parent == choice.Path(build.load_kernel()._name).parent
    monkeypatch.setattr(choice, "_processor", lambda: "another")
    choice._beside.cache_clear()
    assert choice._file() != kept
    monkeypatch.undo()
    choice._beside.cache_clear()
    assert choice._file() == kept
