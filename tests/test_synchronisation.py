"""A step of training asks no other device for a number, for which it would have to wait, and stays on that device."""

import inspect

import numpy as np
import pytest
import torch
from functorch.compile import make_boxed_func
from torch import Tensor, nn
from torch._dynamo.backends.common import aot_autograd
from torch.utils._pytree import tree_leaves

import seqae
import seqae.training
from contract import checks
from contract.decoders import DECODERS
from contract.encoders import ENCODERS, STATES
from contract.entry import READINGS, EncoderEntry, Entry, TextEntry
from contract.texts import WRITERS
from generators import normal
from other_device import DEVICE, WAITS, NeverWaits
from seqae.batch import Batch
from seqae.datasets.masks import MaskedBatch
from seqae.datasets.pairs import PairBatch
from seqae.datasets.sequences import LabelledBatch, LabelledDataset, SequenceDataset
from seqae.datasets.trees import TreeBatch
from seqae.losses import mean_loss, squared_error
from seqae.modules.codes import BinaryCode, GaussianCode, L1Code, TopKCode
from seqae.modules.composite import CompositeAutoencoder
from seqae.modules.encoders import MeanEncoder
from seqae.modules.images import ImageEncoder
from seqae.modules.merging import Composition, Decomposition
from seqae.modules.positional import PositionalDecoder, PositionalEncoder
from seqae.modules.recursive import BalancedTree, RecursiveAutoencoder, RecursiveEncoder, SubtreeReconstruction
from seqae.modules.self_attention import SelfAttention
from seqae.modules.tokens import TiedHead
from seqae.modules.unet import UNet
from seqae.modules.vector_quantization import VectorQuantizedCode
from seqae.seq2seq.models import attention_seq2seq
from seqae.training.compilation import CompiledLoss
from seqae.training.tasks.bag_of_words import BagOfWordsPrediction, ContextDataset
from seqae.transforms.corruptions import Compose, DropTokens, GaussianNoise, MaskSteps, MaskTokens, ShuffleTokens
from seqae.transforms.masked_images import random_flip

# The contract's encoders, decoders and writers.

ENTRIES = {
    **{f"encoder, {name}": entry for name, entry in ENCODERS.items()},
    **{f"states, {name}": entry for name, entry in STATES.items()},
    **{f"decoder, {name}": entry for name, entry in DECODERS.items()},
    **{f"writer, {name}": entry for name, entry in WRITERS.items()},
}
MAY_WAIT = {
    "encoder, spread": "its first 20 batches are averaged, for which it asks how many there have been",
    "encoder, tree, greedy": "which nodes are merged follows from their errors, and the trees are listed on the CPU",
}


def train_once(entry: Entry) -> None:
    """Do a step of training on the other device: forward, loss, backward, optimizer."""
    few = [[max(each.shortest, min(length, 3)) for length in each.lengths] for each in entry.inputs]
    with torch.device("cpu"):
        module, batches = entry.built().to(DEVICE), checks.batches_of(entry.rows(*few))
    parameters = [each for each in module.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(parameters) if parameters else None
    with NeverWaits():
        there = [batch.to(DEVICE) for batch in batches]
        found = [module(*there)] if isinstance(entry, TextEntry) else entry.call(module, *there)
        steps = torch.cat([each.steps.flatten() for each in found])
        loss = mean_loss(squared_error(steps, torch.ones_like(steps)))
        assert loss.device == DEVICE
        if optimizer is not None:
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize("name", sorted(ENTRIES.keys() - MAY_WAIT))
def test_a_step_neither_waits_for_its_device_nor_leaves_it(name):
    train_once(ENTRIES[name])


@pytest.mark.parametrize("name", MAY_WAIT)
def test_what_may_wait_does(name):
    with pytest.raises(AssertionError, match="waits for the device"):
        train_once(ENTRIES[name])


def test_an_encoder_that_averages_its_first_batches_waits_for_none_after_them():
    encoder, batch = ENTRIES["encoder, spread"].built(), Batch.of(normal(5, 2, 3, step=(3,)))
    for _ in range(20):
        encoder(batch)
    encoder, there = encoder.to(DEVICE), batch.to(DEVICE)
    with NeverWaits():
        encoder(there)


@pytest.mark.parametrize(
    "name",
    ["encoder, convolutions", "encoder, conv lstm", "encoder, tree, balanced", "decoder, tree, chain", "writer, s2vt"],
)
def test_a_default_device_changes_nothing(name):
    with torch.device(DEVICE):
        train_once(ENTRIES[name])


# The tasks.


def autoencoder(code: nn.Module | None = None, size: int = 4) -> seqae.Autoencoder:
    encoder = seqae.RecurrentEncoder(seqae.LSTM(3, 8), 2 * size if isinstance(code, GaussianCode) else size)
    length = seqae.LengthPredictor(size, 12)
    return seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.LSTM(size, 8), nn.Linear(8, 3)), code, length)


def of_texts() -> seqae.Autoencoder:
    embedding = nn.Embedding(12, 8)
    decoder = seqae.AutoregressiveDecoder(4, seqae.LSTM(8, 8), TiedHead(embedding), embedding)
    return seqae.Autoencoder(seqae.RecurrentEncoder(seqae.LSTM(8, 8), 4, embedding), decoder)


def recursive() -> RecursiveAutoencoder:
    encoder = RecursiveEncoder(Composition(4), BalancedTree(), nn.Embedding(12, 4))
    return RecursiveAutoencoder(encoder, Decomposition(4), SubtreeReconstruction(), nn.Linear(4, 2))


def composite() -> CompositeAutoencoder:
    past, future = autoencoder().decoder, autoencoder().decoder
    return CompositeAutoencoder(autoencoder().encoder, past, future)


def of_attention() -> seqae.Autoencoder:
    reader, writer = (SelfAttention(8, 8, num_layers=1) for _ in range(2))
    return seqae.Autoencoder(PositionalEncoder(3, reader, 4), PositionalDecoder(4, writer, nn.Linear(8, 3)))


def of_images() -> seqae.Autoencoder:
    encoder = ImageEncoder(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), 4)
    return seqae.Autoencoder(encoder, seqae.DenseDecoder(1, 64, 4, head=nn.Unflatten(1, (1, 8, 8))))


def bag_of_words() -> BagOfWordsPrediction:
    embedding = nn.Embedding(12, 6)
    return BagOfWordsPrediction(MeanEncoder(6, 5, embedding), TiedHead(embedding, 5))


def iwae() -> seqae.training.IWAE:
    return seqae.training.IWAE(autoencoder(GaussianCode()), seqae.squared_error, 3, torch.optim.Adam, lambda done: 1.0)


def labelled_task() -> seqae.training.FixMatch:
    known = LabelledDataset(SequenceDataset(normal(4, 2, step=(3,))), np.array([0, 1]))
    return seqae.training.FixMatch(seqae.ConvEncoder(3, 4), nn.Linear(4, 2), known, GaussianNoise(0.1))


READ = Batch.of(normal(5, 6, 4, 4, step=(3,)))
EVEN = Batch.full(torch.ones(4, 4, 3))
TEXT = Batch.of([torch.tensor([3, 5, 4, 2]), torch.tensor([4, 2])])
CLASSES = LabelledBatch(READ, torch.tensor([0, 1, 0, 1]))
IMAGES = [(torch.rand(1, height, 12), torch.zeros(height, 12, dtype=torch.long), height) for height in (12, 10)]
NOISE = Compose((GaussianNoise(0.1), MaskSteps(0.1)))
MASK, DROP = MaskTokens(0.2), Compose((DropTokens(0.2), ShuffleTokens(2)))
LOSSES = {
    "squared": seqae.squared_error,
    "absolute": seqae.absolute_error,
    "huber": seqae.HuberLoss(),
    "binary": seqae.binary_cross_entropy,
}
WAITING = {getattr(torch.ops.aten, name, None) for name in WAITS} - {None}
CODES = (None, L1Code(0.1), TopKCode(2), GaussianCode(), BinaryCode(), VectorQuantizedCode(4, 5))
STEPS = {
    **{
        name: (lambda loss=loss: seqae.Reconstruction(autoencoder(), loss, NOISE), READ)
        for name, loss in LOSSES.items()
    },
    **{
        f"{type(code).__name__}": (lambda code=code: seqae.Reconstruction(autoencoder(code), seqae.squared_error), EVEN)
        for code in CODES
    },
    "texts": (lambda: seqae.Reconstruction(of_texts(), seqae.token_cross_entropy, MASK), TEXT),
    "elbo": (lambda: seqae.ELBO(autoencoder(GaussianCode()), seqae.squared_error), READ),
    "iwae": (iwae, READ),
    "composite": (lambda: seqae.training.ReconstructAndForecast(composite(), seqae.squared_error, 3), READ),
    "classification": (lambda: seqae.Classification(seqae.ConvEncoder(3, 4), nn.Linear(4, 2)), CLASSES),
    "pairs": (lambda: seqae.SequenceToSequence(attention_seq2seq(12, 12, 8, 8), corrupt=DROP), PairBatch(TEXT, TEXT)),
    "trees": (lambda: seqae.training.TreeReconstruction(recursive()), TreeBatch(TEXT, torch.zeros(10).long())),
    "bags of words": (bag_of_words, ContextDataset([TEXT.unpad()]).batch(np.arange(2))),
    "masks": (
        lambda: seqae.training.Segmentation(
            UNet(1, channels_per_level=(4, 8)), seqae.training.dice_loss, [random_flip]
        ),
        MaskedBatch.of(IMAGES),
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_a_task_neither_waits_for_its_device_nor_leaves_it(name):
    make, batch = STEPS[name]
    task = make().to(DEVICE)
    with NeverWaits():
        loss = task.training_step(batch.to(DEVICE), 0)
        assert loss.device == DEVICE
        loss.backward()


COMPILED = {
    "convolutions": (lambda: seqae.Autoencoder(seqae.ConvEncoder(3, 4), seqae.ConvDecoder(4, nn.Linear(32, 3))), READ),
    "attention": (of_attention, READ),
    "attention, even": (of_attention, EVEN),
    "images": (of_images, Batch.full(torch.rand(4, 1, 1, 8, 8))),
}


def compile_and_look(task: seqae.Reconstruction, batch: Batch) -> int:
    """Compute loss and gradients on the other device, and return in how many graphs; see what is in them."""
    graphs = []

    def look_at(graph: torch.fx.GraphModule, inputs: list[object]) -> object:
        for node in graph.graph.nodes:
            found = [each for each in tree_leaves(node.meta.get("val")) if isinstance(each, Tensor)]
            assert all(each.device == DEVICE for each in found), f"{node} is on another device"
            assert getattr(node.target, "overloadpacket", node.target) not in WAITING, f"{node} waits for the device"
        graphs.append(graph)
        return make_boxed_func(graph.forward)

    torch._dynamo.reset()
    backend = aot_autograd(fw_compiler=look_at, bw_compiler=look_at)
    there = batch.to(DEVICE)
    loss = CompiledLoss(task.to(DEVICE).training_loss, backend=backend, fullgraph=True)(there, there)
    loss.backward()
    assert loss.device == DEVICE
    return len(graphs)


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_step_neither_waits_nor_leaves_its_device(name):
    make, batch = COMPILED[name]
    assert compile_and_look(seqae.Reconstruction(make(), squared_error), batch) == 2  # forward and backward


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (lambda found: found * torch.ones(()), "is on another device"),
        (lambda found: found[found.isnan().nonzero().squeeze(1)[:0]].sum() + found, "waits for the device"),
    ],
)
def test_a_compiled_step_that_does_is_found(does, message):
    task = seqae.Reconstruction(of_images(), lambda found, steps: does(squared_error(found, steps).flatten()))
    asks = torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True)  # else the graph ends where it does
    with asks, pytest.raises(Exception, match=message):
        compile_and_look(task, COMPILED["images"][1])


def test_pseudo_labels_do_not_wait_either():
    task, batch = labelled_task().to(DEVICE), READ
    with NeverWaits():
        known = task.labelled.batch(np.array([0, 1])).to(DEVICE)
        supervised, unsupervised = task.losses(known, batch.to(DEVICE), torch.Generator())
        (supervised + unsupervised).backward()


def test_every_task_is_asked():
    public = (getattr(seqae.training, name) for name in seqae.training.__all__)
    tasks = {each for each in public if inspect.isclass(each) and issubclass(each, seqae.training.Task)}
    asked = {type(make()) for make, _ in STEPS.values()} | {type(labelled_task()), seqae.training.Task}
    assert tasks == asked


# The check finds what is broken.


class Broken(MeanEncoder):
    """Does something on its way that other encoders do not."""

    def __init__(self, does):
        super().__init__(3, 5)
        self.does = does

    def forward(self, batch: Batch) -> Tensor:
        return super().forward(batch) + 0 * self.does(batch)


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (lambda batch: batch.values.sum().item(), "_local_scalar_dense waits"),
        (lambda batch: int((batch.lengths + 1).max()), "_to_copy waits|_local_scalar_dense waits"),
        (lambda batch: len(batch.values[batch.mask]), "index waits"),
        (lambda batch: len(batch.mask.nonzero()), "nonzero waits"),
        (lambda batch: len(batch.lengths.repeat_interleave(batch.lengths)), "repeat_interleave waits"),
        (lambda batch: batch.values.sum().cpu().item(), "_to_copy waits"),
        (lambda batch: bool((batch.values > 0).any()), "_local_scalar_dense waits"),
        (lambda batch: batch.values.sum() * torch.ones(5), "mul reads a tensor of the CPU"),
    ],
)
def test_the_check_fails_for_what_waits_and_for_tensors_of_the_cpu(does, message):
    with pytest.raises(AssertionError, match=message):
        train_once(EncoderEntry(lambda: Broken(does), (READINGS,)))
