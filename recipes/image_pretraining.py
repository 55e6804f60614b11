"""Learn digits from a hundred labels among ten thousand images: what the images without labels are good for.

A stack 784-1000-1000-500 is pretrained layer by layer with an L1 penalty (Bengio et al. 2007,
https://papers.nips.cc/paper/3048; Ranzato et al. 2007, https://papers.nips.cc/paper/3363) and fine-tuned, beside the
same net from the same first weights, principal components with a support vector machine, and a small convolutional
net that learns from its own answers (Lee 2013; Sohn et al. 2020, https://arxiv.org/abs/2001.07685).

    python recipes/image_pretraining.py --dataset digits
    python recipes/image_pretraining.py --data-root folder/with/MNIST
    python recipes/image_pretraining.py --data-root folder/with/MNIST --labels 1000 --draws 3

All methods of a draw share its labels, and pretrained and random stacks start from the same weights, so that pairs can
be compared. Settings were chosen by the errors on training images that are in no pool (--choosing), with other draws.
"""

import copy
import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 14
RESULT = "MNIST, 100 labels: error 10.8 % pretrained, 11.2 % not, 19.6 % PCA + SVM; own answers 2.5 %"
COMPONENTS = "PCA-30 and SVM"
WARP = dict(turn=0.26, scale=0.15, shear=0.2, shift=0.14)


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    labels: int = 100,
    pool: int = 10_000,
    pools: int = 2,
    draws: int = 10,
    sizes: tuple[int, ...] = (1000, 1000, 500),
    penalties: tuple[float, ...] = (0.5, 0.06, 0.036),
    epochs: int = 5,
    steps: int = 400,
    own_steps: int = 600,
    own_draws: int = 10,
    choosing: bool = False,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Compare classifiers that learned from few labels, over several draws.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        labels: How many images of the pool have one, as many in each class.
        pool: Training images in a pool.
        pools: How many pools are drawn, each with first weights, which are pretrained on it.
        draws: How often labels are drawn, from each pool in turn.
        sizes: Of the layers.
        penalties: Price of the mean absolute value of each layer's codes.
        epochs: Passes over the pool for each layer's pretraining.
        steps: Of fine-tuning on warped images, the same for all stacks; half of it on images as they are.
        own_steps: Of the convolutional net that learns from its own answers.
        own_draws: Draws for that net, which takes longest, not more than for the others.
        choosing: Whether errors are those on training images that are in no pool, to choose settings by.
        seed: Of the draws.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import torch

    import seqae
    from seqae.data.images.mnist import read_images
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.images import filters_figure
    from seqae.report.run import Run
    from seqae.training.layerwise import pretrain_layerwise
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.transforms.images import RandomAffine

    if smoke:
        dataset, labels, pool, pools, draws, own_draws = "digits", 30, 300, 1, 2, 1
        sizes, epochs, steps, own_steps = (40, 30, 20), 1, 10, 6
    seqae.configure_runtime()
    settings = dict(
        dataset=dataset, labels=labels, pool=pool, pools=pools, draws=draws, sizes=sizes, penalties=penalties
    )
    settings |= dict(epochs=epochs, steps=steps, own_steps=own_steps, choosing=choosing, seed=seed)
    run = Run("image_pretraining", out, settings)
    images, test = read_images(dataset, data_root)
    images, held_out = images.split(len(images) // 6, seed=0)
    judged = held_out if choosing else test
    print(f"data   {labels} labels, {pool} of {len(images)} images; errors on {len(judged)} {'held-out' * choosing}")

    errors: dict[str, dict[int, float]] = {}
    for group in range(pools):
        unlabelled = images.subset(np.random.default_rng((seed, group)).permutation(len(images))[:pool])
        torch.manual_seed(seed + group)
        first = stack(images.size, sizes, penalties)
        stages = copy.deepcopy(first)
        histories = pretrain_layerwise(
            stages, loader(unlabelled, 200, seed), epochs=epochs, learning_rate=2e-3, lr_scheduler=cosine_with_warmup
        )
        for draw in range(group, draws, pools):
            known = with_labels(unlabelled, labels, seed + draw)
            found = {COMPONENTS: components(unlabelled, known, judged)}
            for name, layers in (("random", first), ("pretrained", stages)):
                net = encoder(layers, sizes[-1])
                found[f"{name}, frozen, and SVM"] = frozen(net, known, judged)
                found[f"{name}, fine-tuned"] = fine_tuned(net, known, judged, steps // 2, None, draw)
                found[f"{name}, fine-tuned, warped"] = fine_tuned(net, known, judged, steps, RandomAffine(**WARP), draw)
            if draw < own_draws:
                found["convolutions, own answers"] = own_answers(unlabelled, known, judged, own_steps, draw)
            for name, error in found.items():
                errors.setdefault(name, {})[draw] = error
            print(f"draw {draw}", "  ".join(f"{name} {error:.2f}" for name, error in found.items()), flush=True)

    results = [line(name, labels, errors) for name in errors]
    strokes = stages[0].decoder.layers[0].weight.detach().numpy().T[:200]
    save_figure(
        filters_figure(strokes, images.size, title="What units of the first layer write"), run.path("units.png")
    )
    save_figure(loss_figure({f"layer {n}": h.train for n, h in enumerate(histories, 1)}), run.path("loss.png"))
    seqae.save(encoder(stages, sizes[-1]), run.path("model"))
    metrics = {f"{line['method']}: error %": line["error %"] for line in results}
    run.finish(results, metrics)
    return metrics


def with_labels(images, labels: int, seed: int):
    """Return the images whose labels are known, as many in each class, drawn at random."""
    random = np.random.default_rng(seed)
    classes = np.unique(images.labels)
    known = [random.permutation(np.flatnonzero(images.labels == name))[: labels // len(classes)] for name in classes]
    return images.subset(np.concatenate(known))


def loader(source, batch_size: int, seed: int):
    """Return batches in random order."""
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler

    return DataLoader(source, LengthBucketSampler(source.lengths, batch_size, seed))


def stack(size: tuple[int, int, int], sizes: tuple[int, ...], penalties: tuple[float, ...]) -> list:
    """Return fully connected layers for images, with the first weights of He et al. 2015."""
    from torch import nn

    import seqae
    from seqae.modules.stacked import TimeDistributed
    from seqae.training.layerwise import Stage

    stages, before = [], int(np.prod(size))
    for height, (after, penalty) in enumerate(zip(sizes, penalties)):
        linear, back = nn.Linear(before, after), nn.Linear(after, before)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        if height == 0:
            layer, back = nn.Sequential(nn.Flatten(), linear, nn.ReLU()), nn.Sequential(back, nn.Unflatten(1, size))
        else:
            layer = nn.Sequential(linear, nn.ReLU())
        error = seqae.squared_error if height else seqae.binary_cross_entropy
        stages.append(Stage(TimeDistributed(layer), TimeDistributed(back), error, seqae.L1Code(penalty)))
        before = after
    return stages


def encoder(stages: list, code_size: int):
    """Return the layers as an encoder."""
    from seqae.modules.stacked import StackedEncoder

    return StackedEncoder([stage.layer for stage in stages], code_size)


def components(unlabelled, known, judged) -> float:
    """Return the error of a support vector machine on principal components of the pool, in percent."""
    from sklearn.decomposition import PCA
    from sklearn.svm import SVC

    plane = PCA(min(30, len(unlabelled) - 1), random_state=0).fit(unlabelled.array())
    machine = SVC(C=10).fit(plane.transform(known.array()), known.labels)
    return percent_wrong(machine.predict(plane.transform(judged.array())), judged)


def frozen(encoder, known, judged) -> float:
    """Return the error of a support vector machine on codes, in percent."""
    from sklearn.svm import SVC

    machine = SVC(C=10).fit(outputs(encoder, known), known.labels)
    return percent_wrong(machine.predict(outputs(encoder, judged)), judged)


def fine_tuned(encoder, known, judged, steps: int, corrupt, seed: int) -> float:
    """Train a copy of an encoder, and a classifier, on the known labels; return the error in percent."""
    import torch
    from torch import nn

    import seqae
    from seqae.datasets.corrupted import CorruptedDataset
    from seqae.datasets.sequences import LabelledDataset
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.reconstruction import Classification

    torch.manual_seed(seed)
    encoder = copy.deepcopy(encoder)
    head = nn.Linear(encoder.code_size, int(known.labels.max()) + 1)
    source = LabelledDataset(known, known.labels)
    batches = loader(source if corrupt is None else CorruptedDataset(source, corrupt, seed), 25, seed)
    task = Classification(encoder, head, lr_scheduler=cosine_with_warmup)
    seqae.fit(task, batches, epochs=-(-steps // len(batches)), progress=False)
    return percent_wrong(outputs(nn.Sequential(encoder, head), judged).argmax(axis=1), judged)


def own_answers(unlabelled, known, judged, steps: int, seed: int) -> float:
    """Train a convolutional net on labels and its own answers; return the error in percent."""
    import torch
    from torch import nn

    import seqae
    from seqae.datasets.sequences import LabelledDataset
    from seqae.modules.images import ImageEncoder, downsampled_size
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.pseudo_labels import FixMatch
    from seqae.transforms.corruptions import Compose, GaussianNoise
    from seqae.transforms.images import RandomAffine

    torch.manual_seed(seed)
    channels, height, width = unlabelled.size
    places = int(np.prod(downsampled_size(height, width, 2)))
    convolutions = [nn.Conv2d(channels, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU()]
    convolutions += [nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten()]
    dense = [nn.Linear(32 * places, 64), nn.BatchNorm1d(64), nn.ReLU()]
    encoder, head = ImageEncoder(nn.Sequential(*convolutions, *dense), 64), nn.Linear(64, int(known.labels.max()) + 1)
    labelled, damage = LabelledDataset(known, known.labels), Compose((RandomAffine(**WARP), GaussianNoise(0.3)))
    batches = loader(unlabelled, 200, seed)
    task = FixMatch(encoder, head, labelled, damage, lr_scheduler=cosine_with_warmup, seed=seed)
    seqae.fit(task, batches, epochs=-(-steps // len(batches)), progress=False)
    return percent_wrong(outputs(nn.Sequential(encoder, head), judged).argmax(axis=1), judged)


def outputs(model, images) -> np.ndarray:
    """Return what a model writes, (image, size)."""
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.inference import evaluating

    with evaluating(model):
        found = [model(images.batch(n)).numpy() for n in LengthBucketSampler(images.lengths, 1000, shuffle=False)]
    return np.concatenate(found)


def percent_wrong(answers: np.ndarray, images) -> float:
    """Return how many answers are wrong, in percent."""
    return float(100 * (answers != images.labels).mean())


def line(name: str, labels: int, errors: dict[str, dict[int, float]]) -> dict[str, object]:
    """Return a line of the table: mean and deviation over draws, and p-values of paired t-tests against two others.

    One is the same from random weights (for what has none: fine-tuned on warped images), one principal components.
    """
    random = name.replace("pretrained", "random") if "pretrained" in name else "random, fine-tuned, warped"
    found = list(errors[name].values())
    return {
        "method": name,
        "labels": labels,
        "draws": len(found),
        "error %": float(np.mean(found)),
        "sd": float(np.std(found, ddof=1)) if len(found) > 1 else None,
        "p, random": chance(errors[name], errors[random]),
        "p, PCA": chance(errors[name], errors[COMPONENTS]),
    }


def chance(errors: dict[int, float], others: dict[int, float]) -> float | None:
    """Return the p-value of a paired t-test over the draws that both have; None if it says nothing."""
    from scipy.stats import ttest_rel

    pairs = np.array([(error, others[draw]) for draw, error in errors.items()])
    if len(pairs) < 3 or np.ptp(pairs[:, 0] - pairs[:, 1]) == 0:
        return None
    return float(ttest_rel(pairs[:, 0], pairs[:, 1]).pvalue)


if __name__ == "__main__":
    cli.run(main)
