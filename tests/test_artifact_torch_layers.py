"""Every layer of torch.nn comes back from an artifact with its settings and numbers, or is refused with advice."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.artifact import load, save

ALL = {
    name: kind
    for name, kind in sorted(vars(nn).items())
    if isinstance(kind, type) and issubclass(kind, nn.Module) and not name.startswith("_")
}

STEPS = (2, 5, 4)
MAP = (2, 4, 6, 6)
CUBE = (1, 2, 4, 4, 4)
PAIR = ((3, 4), (3, 4))
TARGETS = torch.tensor([0, 2, 1])
SIGNS = torch.tensor([1.0, -1.0, 1.0])


def encoder_layer(**settings: object) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, batch_first=True, **settings)


def decoder_layer() -> nn.TransformerDecoderLayer:
    return nn.TransformerDecoderLayer(4, 2, dim_feedforward=5, norm_first=True, batch_first=True, bias=False)


def pooled(kind: str) -> tuple[Tensor, Tensor]:
    """Return what `kind` pools and where it was, as unpooling takes them."""
    pool = getattr(nn, kind)(2, return_indices=True)
    return pool(torch.rand(CUBE[: 2 + int(kind[-2])]))


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.rand(2, 3)), nn.Parameter(torch.rand(1, dtype=torch.float64), requires_grad=False)]


# Layers with arguments other than the defaults, and what they take: the shapes of random numbers, tensors, or None for
# containers, which are no functions.
LAYERS: dict[str, list[tuple[object, object]]] = {
    "AdaptiveAvgPool1d": [(lambda: nn.AdaptiveAvgPool1d(3), [STEPS])],
    "AdaptiveAvgPool2d": [(lambda: nn.AdaptiveAvgPool2d((2, None)), [MAP])],
    "AdaptiveAvgPool3d": [(lambda: nn.AdaptiveAvgPool3d(2), [CUBE])],
    "AdaptiveLogSoftmaxWithLoss": [
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 9, [3, 5], div_value=2.0, head_bias=True), [(3, 8), TARGETS]),
    ],
    "AdaptiveMaxPool1d": [(lambda: nn.AdaptiveMaxPool1d(2, return_indices=True), [STEPS])],
    "AdaptiveMaxPool2d": [(lambda: nn.AdaptiveMaxPool2d((2, 3)), [MAP])],
    "AdaptiveMaxPool3d": [(lambda: nn.AdaptiveMaxPool3d(2), [CUBE])],
    "AlphaDropout": [(lambda: nn.AlphaDropout(0.3), [STEPS])],
    "AvgPool1d": [(lambda: nn.AvgPool1d(3, stride=1, padding=1, ceil_mode=True, count_include_pad=False), [STEPS])],
    "AvgPool2d": [(lambda: nn.AvgPool2d((2, 3), padding=1, divisor_override=5), [MAP])],
    "AvgPool3d": [(lambda: nn.AvgPool3d(2, stride=1), [CUBE])],
    "BCELoss": [(lambda: nn.BCELoss(reduction="sum"), PAIR)],
    "BCEWithLogitsLoss": [(lambda: nn.BCEWithLogitsLoss(reduction="none"), PAIR)],
    "BatchNorm1d": [
        (lambda: nn.BatchNorm1d(5, eps=0.1, momentum=None), [STEPS]),
        (lambda: nn.BatchNorm1d(5, affine=False), [STEPS]),
        (lambda: nn.BatchNorm1d(5, track_running_stats=False), [STEPS]),
    ],
    "BatchNorm2d": [(lambda: nn.BatchNorm2d(4, momentum=0.3), [MAP])],
    "BatchNorm3d": [(lambda: nn.BatchNorm3d(2), [CUBE])],
    "Bilinear": [(lambda: nn.Bilinear(3, 4, 2), [(5, 3), (5, 4)]), (lambda: nn.Bilinear(3, 4, 2, bias=False), None)],
    "CELU": [(lambda: nn.CELU(0.5), [STEPS])],
    "CTCLoss": [
        (
            lambda: nn.CTCLoss(blank=1, reduction="sum", zero_infinity=True),
            [(6, 1, 4), torch.tensor([[2, 3]]), torch.tensor([6]), torch.tensor([2])],
        )
    ],
    "ChannelShuffle": [(lambda: nn.ChannelShuffle(2), [MAP])],
    "CircularPad1d": [(lambda: nn.CircularPad1d((1, 2)), [STEPS])],
    "CircularPad2d": [(lambda: nn.CircularPad2d(1), [MAP])],
    "CircularPad3d": [(lambda: nn.CircularPad3d(1), [CUBE])],
    "ConstantPad1d": [(lambda: nn.ConstantPad1d((1, 0), 2.5), [STEPS])],
    "ConstantPad2d": [(lambda: nn.ConstantPad2d(1, -1.0), [MAP])],
    "ConstantPad3d": [(lambda: nn.ConstantPad3d(1, 3), [CUBE])],
    "Conv1d": [
        (lambda: nn.Conv1d(5, 6, 3), [STEPS]),
        (lambda: nn.Conv1d(4, 6, 3, padding="same", dilation=2, groups=2, bias=False), [(2, 4, 9)]),
    ],
    "Conv2d": [(lambda: nn.Conv2d(4, 2, (3, 2), stride=2, padding=1, padding_mode="reflect"), [MAP])],
    "Conv3d": [(lambda: nn.Conv3d(2, 3, (1, 2, 3), padding=(0, 1, 1), bias=False), [CUBE])],
    "ConvTranspose1d": [(lambda: nn.ConvTranspose1d(5, 3, 4, stride=3, output_padding=1, bias=False), [STEPS])],
    "ConvTranspose2d": [(lambda: nn.ConvTranspose2d(4, 6, 3, padding=1, groups=2, dilation=2), [MAP])],
    "ConvTranspose3d": [(lambda: nn.ConvTranspose3d(2, 1, 2, stride=(1, 2, 1)), [CUBE])],
    "CosineEmbeddingLoss": [(lambda: nn.CosineEmbeddingLoss(0.3, reduction="none"), [*PAIR, SIGNS])],
    "CosineSimilarity": [(lambda: nn.CosineSimilarity(0, eps=0.1), PAIR)],
    "CrossEntropyLoss": [
        (lambda: nn.CrossEntropyLoss(ignore_index=1, label_smoothing=0.2, reduction="none"), [(3, 4), TARGETS])
    ],
    "CrossMapLRN2d": [(lambda: nn.CrossMapLRN2d(3, alpha=0.1, beta=0.5, k=2.0), [MAP])],
    "Dropout": [(lambda: nn.Dropout(0.2, inplace=True), [STEPS])],
    "Dropout1d": [(lambda: nn.Dropout1d(0.2), [STEPS])],
    "Dropout2d": [(lambda: nn.Dropout2d(0.2), [MAP])],
    "Dropout3d": [(lambda: nn.Dropout3d(0.2), [CUBE])],
    "ELU": [(lambda: nn.ELU(0.5), [STEPS])],
    "Embedding": [(lambda: nn.Embedding(7, 3, padding_idx=2, max_norm=0.5, scale_grad_by_freq=True), [TARGETS])],
    "EmbeddingBag": [
        (lambda: nn.EmbeddingBag(7, 3, mode="max", padding_idx=1), [TARGETS[None]]),
        (lambda: nn.EmbeddingBag(7, 3, mode="sum", include_last_offset=True), [TARGETS, torch.tensor([0, 1, 3])]),
    ],
    "FeatureAlphaDropout": [(lambda: nn.FeatureAlphaDropout(0.1), [STEPS])],
    "Flatten": [(lambda: nn.Flatten(2, 3), [MAP])],
    "Fold": [(lambda: nn.Fold((4, 4), (2, 2), stride=2), [(1, 8, 4)])],
    "FractionalMaxPool2d": [
        (lambda: nn.FractionalMaxPool2d(2, output_size=(3, 4), return_indices=True), [MAP]),
        (lambda: nn.FractionalMaxPool2d(2, output_ratio=0.6), [MAP]),
    ],
    "FractionalMaxPool3d": [(lambda: nn.FractionalMaxPool3d(2, output_ratio=(0.5, 0.5, 0.6)), [CUBE])],
    "GELU": [(lambda: nn.GELU("tanh"), [STEPS])],
    "GLU": [(lambda: nn.GLU(2), [STEPS])],
    "GRU": [
        (lambda: nn.GRU(4, 3, num_layers=2, bias=False, batch_first=True, dropout=0.1, bidirectional=True), [STEPS])
    ],
    "GRUCell": [(lambda: nn.GRUCell(4, 3, bias=False), [(2, 4)])],
    "GaussianNLLLoss": [(lambda: nn.GaussianNLLLoss(full=True, eps=0.01, reduction="sum"), [*PAIR, (3, 4)])],
    "GroupNorm": [
        (lambda: nn.GroupNorm(2, 4, eps=0.1), [MAP]),
        (lambda: nn.GroupNorm(2, 4, affine=False), [MAP]),
    ],
    "Hardshrink": [(lambda: nn.Hardshrink(0.2), [STEPS])],
    "Hardsigmoid": [(lambda: nn.Hardsigmoid(), [STEPS])],
    "Hardswish": [(lambda: nn.Hardswish(), [STEPS])],
    "Hardtanh": [(lambda: nn.Hardtanh(-0.2, 0.4), [STEPS])],
    "HingeEmbeddingLoss": [(lambda: nn.HingeEmbeddingLoss(0.3), [(3,), SIGNS])],
    "HuberLoss": [(lambda: nn.HuberLoss("sum", delta=0.1), PAIR)],
    "Identity": [(lambda: nn.Identity(54, unused=0.1), [STEPS])],
    "InstanceNorm1d": [(lambda: nn.InstanceNorm1d(5, affine=True, track_running_stats=True), [STEPS])],
    "InstanceNorm2d": [(lambda: nn.InstanceNorm2d(4, eps=0.1), [MAP])],
    "InstanceNorm3d": [(lambda: nn.InstanceNorm3d(2, affine=True), [CUBE])],
    "KLDivLoss": [(lambda: nn.KLDivLoss(reduction="batchmean", log_target=True), PAIR)],
    "L1Loss": [(lambda: nn.L1Loss(reduction="none"), PAIR)],
    "LPPool1d": [(lambda: nn.LPPool1d(3, 2, stride=1), [STEPS])],
    "LPPool2d": [(lambda: nn.LPPool2d(2, (1, 2), ceil_mode=True), [MAP])],
    "LPPool3d": [(lambda: nn.LPPool3d(1, 2), [CUBE])],
    "LSTM": [
        (lambda: nn.LSTM(4, 5, proj_size=2, bidirectional=True), [STEPS]),
        (lambda: nn.LSTM(4, 3, batch_first=True), [STEPS]),
    ],
    "LSTMCell": [(lambda: nn.LSTMCell(4, 3), [(2, 4)])],
    "LayerNorm": [
        (lambda: nn.LayerNorm((5, 4), eps=0.1, bias=False), [STEPS]),
        (lambda: nn.LayerNorm(4, elementwise_affine=False), [STEPS]),
    ],
    "LeakyReLU": [(lambda: nn.LeakyReLU(0.3), [STEPS])],
    "Linear": [(lambda: nn.Linear(4, 2), [STEPS]), (lambda: nn.Linear(4, 2, bias=False), [STEPS])],
    "LocalResponseNorm": [(lambda: nn.LocalResponseNorm(2, alpha=0.1, k=2.0), [MAP])],
    "LogSigmoid": [(lambda: nn.LogSigmoid(), [STEPS])],
    "LogSoftmax": [(lambda: nn.LogSoftmax(1), [STEPS])],
    "MSELoss": [(lambda: nn.MSELoss(reduction="sum"), PAIR)],
    "MarginRankingLoss": [(lambda: nn.MarginRankingLoss(0.2), [(3,), (3,), SIGNS])],
    "MaxPool1d": [(lambda: nn.MaxPool1d(2, stride=1, padding=1, dilation=2, ceil_mode=True), [STEPS])],
    "MaxPool2d": [(lambda: nn.MaxPool2d((2, 1), return_indices=True), [MAP])],
    "MaxPool3d": [(lambda: nn.MaxPool3d(2), [CUBE])],
    "MaxUnpool1d": [(lambda: nn.MaxUnpool1d(2), lambda: pooled("MaxPool1d"))],
    "MaxUnpool2d": [(lambda: nn.MaxUnpool2d(2), lambda: pooled("MaxPool2d"))],
    "MaxUnpool3d": [(lambda: nn.MaxUnpool3d(2, stride=2), lambda: pooled("MaxPool3d"))],
    "Mish": [(lambda: nn.Mish(), [STEPS])],
    "ModuleDict": [(lambda: nn.ModuleDict({"b": nn.Linear(2, 3), "a": nn.Tanh()}), None)],
    "ModuleList": [(lambda: nn.ModuleList([nn.Linear(2, 2), nn.Tanh()]), None), (lambda: nn.ModuleList(), None)],
    "MultiLabelMarginLoss": [
        (lambda: nn.MultiLabelMarginLoss(reduction="sum"), [(1, 4), torch.tensor([[3, 0, -1, 1]])])
    ],
    "MultiLabelSoftMarginLoss": [(lambda: nn.MultiLabelSoftMarginLoss(reduction="none"), PAIR)],
    "MultiMarginLoss": [(lambda: nn.MultiMarginLoss(p=2, margin=0.5), [(3, 4), TARGETS])],
    "MultiheadAttention": [
        (lambda: nn.MultiheadAttention(4, 2, batch_first=True), [STEPS] * 3),
        (lambda: nn.MultiheadAttention(4, 2, dropout=0.1, bias=False, add_bias_kv=True), [STEPS] * 3),
        (lambda: nn.MultiheadAttention(4, 2, add_zero_attn=True, kdim=3, vdim=6), [STEPS, (2, 5, 3), (2, 5, 6)]),
    ],
    "NLLLoss": [(lambda: nn.NLLLoss(ignore_index=2, reduction="sum"), [(3, 4), TARGETS])],
    "PReLU": [(lambda: nn.PReLU(5, init=0.1), [STEPS])],
    "PairwiseDistance": [(lambda: nn.PairwiseDistance(1.0, eps=0.1, keepdim=True), PAIR)],
    "ParameterDict": [(lambda: nn.ParameterDict({"b": parameters()[0], "a": parameters()[1]}), None)],
    "ParameterList": [(lambda: nn.ParameterList(parameters()), None)],
    "PixelShuffle": [(lambda: nn.PixelShuffle(2), [MAP])],
    "PixelUnshuffle": [(lambda: nn.PixelUnshuffle(2), [MAP])],
    "PoissonNLLLoss": [(lambda: nn.PoissonNLLLoss(log_input=False, full=True, eps=0.1), PAIR)],
    "RMSNorm": [
        (lambda: nn.RMSNorm((5, 4), eps=0.1), [STEPS]),
        (lambda: nn.RMSNorm(4, elementwise_affine=False), [STEPS]),
    ],
    "RNN": [
        (lambda: nn.RNN(4, 3, nonlinearity="relu", num_layers=2), [STEPS]),
        (lambda: nn.RNN(4, 3, bias=False, batch_first=True), [STEPS]),
    ],
    "RNNBase": [(lambda: nn.RNNBase("LSTM", 4, 3, bidirectional=True), None)],
    "RNNCell": [(lambda: nn.RNNCell(4, 3, bias=False, nonlinearity="relu"), [(2, 4)])],
    "RReLU": [(lambda: nn.RReLU(0.1, 0.2), [STEPS])],
    "ReLU": [(lambda: nn.ReLU(inplace=True), [STEPS])],
    "ReLU6": [(lambda: nn.ReLU6(), [STEPS])],
    "ReflectionPad1d": [(lambda: nn.ReflectionPad1d((2, 1)), [STEPS])],
    "ReflectionPad2d": [(lambda: nn.ReflectionPad2d(1), [MAP])],
    "ReflectionPad3d": [(lambda: nn.ReflectionPad3d(1), [CUBE])],
    "ReplicationPad1d": [(lambda: nn.ReplicationPad1d((2, 1)), [STEPS])],
    "ReplicationPad2d": [(lambda: nn.ReplicationPad2d(1), [MAP])],
    "ReplicationPad3d": [(lambda: nn.ReplicationPad3d(1), [CUBE])],
    "SELU": [(lambda: nn.SELU(), [STEPS])],
    "Sequential": [(lambda: nn.Sequential(nn.Linear(4, 2), nn.Tanh()), [STEPS]), (lambda: nn.Sequential(), [STEPS])],
    "SiLU": [(lambda: nn.SiLU(), [STEPS])],
    "Sigmoid": [(lambda: nn.Sigmoid(), [STEPS])],
    "SmoothL1Loss": [(lambda: nn.SmoothL1Loss(reduction="sum", beta=0.1), PAIR)],
    "SoftMarginLoss": [(lambda: nn.SoftMarginLoss(reduction="sum"), [(3,), SIGNS])],
    "Softmax": [(lambda: nn.Softmax(1), [STEPS])],
    "Softmax2d": [(lambda: nn.Softmax2d(), [MAP])],
    "Softmin": [(lambda: nn.Softmin(2), [STEPS])],
    "Softplus": [(lambda: nn.Softplus(2.0, threshold=0.5), [STEPS])],
    "Softshrink": [(lambda: nn.Softshrink(0.2), [STEPS])],
    "Softsign": [(lambda: nn.Softsign(), [STEPS])],
    "SyncBatchNorm": [(lambda: nn.SyncBatchNorm(5, eps=0.1), [STEPS])],
    "Tanh": [(lambda: nn.Tanh(), [STEPS])],
    "Tanhshrink": [(lambda: nn.Tanhshrink(), [STEPS])],
    "Threshold": [(lambda: nn.Threshold(0.3, 5.0), [STEPS])],
    "Transformer": [
        (
            lambda: nn.Transformer(
                4, 2, num_encoder_layers=1, num_decoder_layers=2, dim_feedforward=6, activation="gelu", batch_first=True
            ),
            [STEPS, STEPS],
        )
    ],
    "TransformerDecoder": [(lambda: nn.TransformerDecoder(decoder_layer(), 2, nn.LayerNorm(4)), [STEPS, STEPS])],
    "TransformerDecoderLayer": [(decoder_layer, [STEPS, STEPS])],
    "TransformerEncoder": [
        (lambda: nn.TransformerEncoder(encoder_layer(), 3), [STEPS]),
        (
            lambda: nn.TransformerEncoder(
                encoder_layer(norm_first=True), 2, nn.LayerNorm(4), enable_nested_tensor=False, mask_check=False
            ),
            [STEPS],
        ),
    ],
    "TransformerEncoderLayer": [
        (lambda: encoder_layer(activation=F.gelu, dropout=0.3, layer_norm_eps=0.1), [STEPS]),
        (lambda: encoder_layer(activation=nn.SiLU(), bias=False), [STEPS]),
        (lambda: nn.TransformerEncoderLayer(4, 1, norm_first=True), [STEPS]),
    ],
    "TripletMarginLoss": [(lambda: nn.TripletMarginLoss(0.5, p=1.0, swap=True), [*PAIR, (3, 4)])],
    "TripletMarginWithDistanceLoss": [
        (lambda: nn.TripletMarginWithDistanceLoss(margin=0.5), [*PAIR, (3, 4)]),
        (lambda: nn.TripletMarginWithDistanceLoss(distance_function=nn.CosineSimilarity(), swap=True), [*PAIR, (3, 4)]),
    ],
    "Unflatten": [(lambda: nn.Unflatten(1, (1, 5)), [STEPS])],
    "Unfold": [(lambda: nn.Unfold((2, 3), padding=1, stride=2), [MAP])],
    "Upsample": [
        (lambda: nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=True), [MAP]),
        (lambda: nn.Upsample(size=(7, 9), mode="nearest"), [MAP]),
    ],
    "UpsamplingBilinear2d": [(lambda: nn.UpsamplingBilinear2d(scale_factor=2), [MAP])],
    "UpsamplingNearest2d": [(lambda: nn.UpsamplingNearest2d(size=9), [MAP])],
    "ZeroPad1d": [(lambda: nn.ZeroPad1d((1, 2)), [STEPS])],
    "ZeroPad2d": [(lambda: nn.ZeroPad2d(1), [MAP])],
    "ZeroPad3d": [(lambda: nn.ZeroPad3d(1), [CUBE])],
}
if hasattr(nn, "LinearCrossEntropyLoss"):  # newer than the oldest torch that is supported
    LAYERS["LinearCrossEntropyLoss"] = [
        (lambda: nn.LinearCrossEntropyLoss(4, 5, bias=True, label_smoothing=0.1), [(3, 4), TARGETS])
    ]
CASES = [
    pytest.param(*case, id=f"{name}-{number}") for name, cases in LAYERS.items() for number, case in enumerate(cases)
]

NO_LAYERS = {"Module", "Container", "DataParallel", "NLLLoss2d", "RNNCellBase"} | {
    name for name in ALL if name.startswith("Lazy")
}


def values_for(shapes: object) -> list[Tensor]:
    found = shapes() if callable(shapes) else shapes
    return [each if isinstance(each, Tensor) else torch.rand(each) for each in found]


def outputs(layer: nn.Module, values: list[Tensor]) -> list[Tensor]:
    """Return the tensors in what a layer computes, without randomness."""
    torch.manual_seed(0)  # FractionalMaxPool2d and 3d draw numbers even in evaluation
    found, tensors = [layer(*(value.clone() for value in values))], []
    while found:
        each = found.pop()
        if isinstance(each, Tensor):
            tensors.append(each)
        elif each is not None:
            found += list(each)
    return tensors


def test_every_layer_of_torch_is_tried_here():
    assert ALL.keys() - NO_LAYERS == LAYERS.keys()


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize(("make", "shapes"), CASES)
def test_a_layer_comes_back_with_its_settings_and_numbers(tmp_path, make, shapes):
    layer = make().train()
    loaded = load(save(layer, tmp_path / "layer"))
    assert type(loaded) is type(layer) and repr(loaded) == repr(layer)
    assert layer.training and not any(part.training for part in loaded.modules())
    layer.eval()
    assert loaded.state_dict().keys() == layer.state_dict().keys()
    for name, tensor in layer.state_dict().items():
        assert loaded.state_dict()[name].dtype == tensor.dtype and torch.equal(loaded.state_dict()[name], tensor), name
    assert [each.requires_grad for each in loaded.parameters()] == [each.requires_grad for each in layer.parameters()]
    ours, theirs = vars(loaded), vars(layer)
    ignored = {"enable_nested_tensor"}  # what was asked for; `use_nested_tensor` is what is done
    for name in theirs.keys() - ignored:
        if not name.startswith("_") and isinstance(theirs[name], bool | int | float | str | tuple | list | None):
            assert ours[name] == theirs[name], name
    if shapes is not None:
        values = values_for(shapes)
        found, expected = outputs(loaded, values), outputs(layer, values)
        assert len(found) == len(expected) > 0
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize(("precision", "loaded_as"), [(torch.float64, torch.float64), (torch.float16, torch.float32)])
@pytest.mark.parametrize("name", ["Linear", "LSTM", "GroupNorm", "MultiheadAttention", "TransformerEncoder"])
def test_the_numbers_of_the_weights_come_back_in_a_precision_that_computes(tmp_path, name, precision, loaded_as):
    layer = LAYERS[name][0][0]().to(precision)
    loaded = load(save(layer, tmp_path / "layer"))
    assert {tensor.dtype for tensor in loaded.parameters()} == {loaded_as}
    assert all(
        torch.equal(loaded.state_dict()[key], tensor.to(loaded_as)) for key, tensor in layer.state_dict().items()
    )


def test_loading_a_transformer_warns_of_nothing(tmp_path, recwarn):
    with pytest.warns(UserWarning, match="enable_nested_tensor"):
        stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 2)
    load(save(stack, tmp_path / "stack"))
    assert [each for each in recwarn if "nested" in str(each.message)] == []


def test_layers_of_a_transformer_that_were_exchanged_come_back(tmp_path):
    stack = nn.TransformerEncoder(encoder_layer(), 2)
    stack.layers[1] = encoder_layer(activation="gelu")
    stack.layers.append(stack.layers[0])
    loaded = load(save(stack, tmp_path / "stack"))
    values = torch.rand(STEPS)
    assert loaded.num_layers == 3 and loaded.layers[2] is loaded.layers[0]
    assert torch.equal(loaded(values), stack.eval()(values))


class Scaled(nn.Embedding):
    """Inherits its constructor."""

    def forward(self, numbers: Tensor) -> Tensor:
        return super().forward(numbers) * 2


class Stack(nn.Sequential):
    """Inherits its constructor."""


class Square(nn.Linear):
    """Has a constructor of its own, and a bias as torch keeps it."""

    def __init__(self, in_features: int, bias: bool = True):
        super().__init__(in_features, in_features, bias)


@pytest.mark.parametrize("bias", [True, False])
def test_classes_with_a_layer_as_their_base_come_back(tmp_path, bias):
    model = Stack(Scaled(5, 3, padding_idx=1), Square(3, bias=bias))
    loaded = load(save(model, tmp_path / "model"), classes=[Stack, Scaled, Square])
    assert [type(part) for part in loaded.modules()] == [Stack, Scaled, Square] and repr(loaded) == repr(model)
    assert torch.equal(loaded(TARGETS), model(TARGETS))


class Lazy(nn.Module):
    """Its constructor does not say all sizes, also when it is built from a file."""

    def __init__(self):
        super().__init__()
        self.head = nn.LazyLinear(2)


def after_a_batch() -> nn.Module:
    lazy = Lazy()
    lazy.head(torch.rand(1, 3))
    return lazy


def parametrized() -> nn.Module:
    return nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))


REFUSED = {
    "base": (lambda: nn.Module(), r"a torch\.nn\.modules\.module\.Module cannot be built.*module of your own"),
    "container": (lambda: nn.Container(), r"Container cannot be built.*module of your own"),
    "renamed": (lambda: nn.NLLLoss2d(), "'args' of this NLLLoss2d is not kept"),
    "cell base": (lambda: nn.RNNCellBase(2, 2, True, 3), r"RNNCellBase cannot be built.*module of your own"),
    "parallel": (lambda: nn.DataParallel(nn.Linear(2, 2)), r"DataParallel cannot be built.*Save its \.module"),
    "parametrized": (parametrized, r"ParametrizedLinear cannot be built.*module of your own"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(2)), r"layers\.0: a \S+LazyLinear cannot be built.*run a batch"),
    "lazy within": (after_a_batch, r"head\.\w+ has no shape before.*nn\.Linear, not nn\.LazyLinear"),
    "weights of classes": (
        lambda: {"loss": nn.CrossEntropyLoss(torch.ones(3))},
        r"loss: 'weight' of this CrossEntropyLoss is a tensor.*module of your own that keeps its arguments.*builds the "
        "CrossEntropyLoss",
    ),
    "weights of positives": (lambda: nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)), "'pos_weight' of this BCEWith"),
    "samples": (
        lambda: nn.FractionalMaxPool2d(2, output_size=2, _random_samples=torch.rand(1, 1, 2)),
        "'_random_samples' of this FractionalMaxPool2d is a tensor",
    ),
    "activation": (lambda: encoder_layer(activation=F.silu), r"'activation' of this TransformerEncoderLayer.*SiLU\(\)"),
    "distance": (
        lambda: nn.TripletMarginWithDistanceLoss(distance_function=F.cosine_similarity),
        "'distance_function' of this TripletMarginWithDistanceLoss is a function",
    ),
    "other values": (lambda: nn.ParameterList([torch.ones(2), "text"]), "'1' of this ParameterList is no parameter"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_cannot_be_built_again_is_refused_with_advice(tmp_path: Path, name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        save(make(), tmp_path / "layer")
    assert "\n" not in str(caught.value) and "self." not in str(caught.value)
    assert not (tmp_path / "layer").exists()


@pytest.mark.parametrize("name", sorted(name for name in ALL if name.startswith("Lazy")))
def test_a_lazy_layer_is_saved_after_a_batch_and_refused_before(tmp_path, name):
    kind = ALL[name]
    arguments = [
        each for each in ("out_features", "out_channels", "kernel_size") if each in inspect.signature(kind).parameters
    ]
    layer = kind(*[2] * len(arguments))
    with pytest.raises(ValueError, match=f"{name} cannot be built.*run a batch"):
        save(layer, tmp_path / "layer")
    layer(torch.rand({"1": STEPS, "2": MAP, "3": CUBE}.get(name.removesuffix("d")[-1], STEPS)))
    loaded = load(save(layer, tmp_path / "layer"))
    assert repr(loaded) == repr(layer) == repr(layer).replace("Lazy", "")
    assert all(torch.equal(loaded.state_dict()[key], tensor) for key, tensor in layer.state_dict().items())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv1d(2, 3, 3, stride=0), r"stride is \(0,\)\. Expected at least 1"),
        (lambda: nn.Conv2d(2, 3, 3, padding=(1, -1)), r"padding is \(1, -1\)\. Expected at least 0"),
        (lambda: nn.ConvTranspose2d(2, 3, 3, dilation=-1), r"dilation is \(-1, -1\)\. Expected at least 1"),
        (lambda: nn.MaxPool2d(2, dilation=0), "dilation is 0"),
        (lambda: nn.AvgPool1d(2, padding=-1), "padding is"),
    ],
)
def test_a_kernel_that_has_no_room_or_does_not_move_is_refused(tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        save(make(), tmp_path / "layer")


def test_what_pads_may_also_cut_off(tmp_path):
    cut = load(save(nn.ZeroPad1d(-1), tmp_path / "layer"))
    assert cut(torch.arange(4.0).view(1, 1, 4)).flatten().tolist() == [1.0, 2.0]
