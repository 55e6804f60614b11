"""Learn digits from a hundred labels among ten thousand images: how much images without labels help.

A stack 784-1000-1000-500 is pretrained layer by layer with an L1 penalty (Bengio et al. 2007,
https://papers.nips.cc/paper/3048; Ranzato et al. 2007, https://papers.nips.cc/paper/3363), from damaged input (Vincent
et al. 2010, https://jmlr.org/papers/v11/vincent10a.html). Its codes go to a support vector machine, as principal
components do, or it is fine-tuned, beside the same net without pretraining and a small convolutional net that learns
from its own predictions (FixMatch, Sohn et al. 2020, https://arxiv.org/abs/2001.07685).

    python recipes/image_pretraining/image_pretraining.py --dataset digits
    python recipes/image_pretraining/image_pretraining.py --data-root folder/with/MNIST --labels 1000 --draws 3
"""

import copy
import os
from pathlib import Path

import numpy as np
import torch
from label_baselines import WARP, codes_and_svm, fine_tuned, fixmatch, labelled, pca_and_svm
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_image_folder, read_images
from seqae.report import filters_figure, loss_figure, save_figure
from seqae.training import Stage, pretrain_layerwise
from seqae.transforms import MaskValues

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {
    "dataset": "digits",
    "draws": 2,
    "hidden_sizes": (200, 100, 50),
    "hidden": 0.25,
    "epochs": 150,
    "fixmatch_steps": 90,
}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    labels: int = 100,
    pool_size: int = 10_000,
    pools: int = 2,
    draws: int = 10,
    hidden_sizes: tuple[int, ...] = (1000, 1000, 500),
    penalties: tuple[float, ...] = (0.05, 0.006, 0.0036),
    hidden: float = 0.5,
    epochs: int = 10,
    steps: int = 400,
    fixmatch_steps: int = 1500,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Compare classifiers that learned from few labels, over several draws of these.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of your own instead that has, for each class, a folder of five images or more.
        labels: Number of labelled images in a pool, the same in each class.
        pool_size: Training images in a pool.
        pools: Number of pools; each has its own initial weights, which are pretrained on it.
        draws: The number of random draws of labels, from each pool in turn.
        hidden_sizes: Sizes of the layers.
        penalties: Weight of the mean absolute value of each layer's codes.
        hidden: Probability with which pretraining sets a value that a layer reads to zero.
        epochs: Passes over the pool for each layer's pretraining.
        steps: Batches of fine-tuning.
        fixmatch_steps: Batches of training by FixMatch.
        seed: Seed of the draws.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, labels, pool_size, pools, draws = "digits", 30, 300, 1, 2
        hidden_sizes, epochs, steps, fixmatch_steps = (40, 30, 20), 1, 10, 6
    run = seqae.Run(main, locals())
    seqae.configure_runtime()

    images, test = read_image_folder(folder, with_classes=True) if folder else read_images(dataset, data_root)
    images, _ = images.split(len(images) // 6)  # the others are for the choice of settings
    errors: dict[str, list[float]] = {}
    for group in range(pools):
        pool = images.subset(np.random.default_rng((seed, group)).permutation(len(images))[:pool_size])
        torch.manual_seed(seed + group)
        stages = stack(images.size, hidden_sizes, penalties, hidden)
        encoder = seqae.StackedEncoder([stage.layer for stage in stages], hidden_sizes[-1])
        untrained = copy.deepcopy(encoder)
        histories = pretrain_layerwise(
            stages,
            seqae.make_loader(pool, 200, seed),
            epochs=epochs,
            learning_rate=2e-3,
            lr_scheduler=seqae.cosine_with_warmup,
        )
        for draw in range(group, draws, pools):
            known = labelled(pool, labels, seed + draw)
            found = {
                "PCA-30 and SVM": pca_and_svm(pool, known, test),
                "random weights and SVM": codes_and_svm(untrained, known, test),
                "pretrained and SVM": codes_and_svm(encoder, known, test),
                "random weights": fine_tuned(untrained, known, test, None, steps, draw),
                "pretrained": fine_tuned(encoder, known, test, None, steps, draw),
                "random weights, warped": fine_tuned(untrained, known, test, WARP, steps, draw),
                "pretrained, warped": fine_tuned(encoder, known, test, WARP, steps, draw),
                "FixMatch": fixmatch(pool, known, test, fixmatch_steps, draw),
            }
            for name, error in found.items():
                errors.setdefault(name, []).append(error)
            print(f"draw {draw}", "  ".join(f"{name} {error:.2f}" for name, error in found.items()), flush=True)

    units = stages[0].decoder.state_dict()["layers.0.weight"].numpy().T[:200]
    save_figure(filters_figure(units, images.size, title="What units of the first layer write"), run.path("units.png"))
    save_figure(loss_figure({f"layer {n}": h.train for n, h in enumerate(histories, 1)}), run.path("loss.png"))
    metrics = {f"{name}: error %": float(np.mean(rates)) for name, rates in errors.items()}
    seqae.save(encoder, run.path("model"), metrics=metrics)
    results = [{"method": name, "error %": np.mean(rates), "sd": np.std(rates)} for name, rates in errors.items()]
    run.finish(results, metrics)
    return metrics


def stack(
    size: tuple[int, int, int], hidden_sizes: tuple[int, ...], penalties: tuple[float, ...], hidden: float
) -> list[Stage]:
    """Return fully connected layers for images of a size, with the first weights of He et al. 2015."""
    stages, before = [], int(np.prod(size))
    for height, (after, penalty) in enumerate(zip(hidden_sizes, penalties)):
        linear, back = nn.Linear(before, after), nn.Linear(after, before)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layer, decoder = nn.Sequential(linear, nn.ReLU()), nn.Sequential(back)
        if height == 0:
            layer, decoder = nn.Sequential(nn.Flatten(), *layer), nn.Sequential(back, nn.Unflatten(1, size))
        loss = seqae.squared_error if height else seqae.binary_cross_entropy
        code = seqae.L1Code(penalty)
        layers = seqae.TimeDistributed(layer), seqae.TimeDistributed(decoder)
        stages.append(Stage(*layers, loss, code, MaskValues(hidden)))
        before = after
    return stages


if __name__ == "__main__":
    cli.run(main)
