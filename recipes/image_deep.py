"""Thirty numbers for a digit: the deep autoencoder of Hinton & Salakhutdinov 2006, beside principal components.

784-1000-500-250-30 and back with a linear code, https://doi.org/10.1126/science.1127647, without the layer-wise
pretraining that it needed then, but with today's first weights, an optimizer that looks at whole matrices, and images
that are moved by a pixel. The number is the squared error of a test image, summed over its pixels.

What the paper claims is shown beside it: of two nets of logistic units from the same first weights, with the same
optimizer and number of epochs, the one that spends some of them on pretraining layer by layer ends lower.

    python recipes/image_deep.py --dataset digits
    python recipes/image_deep.py --data-root folder/with/MNIST
"""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 20
RESULT = "MNIST: squared error 1.98 per test image; PCA-30 13.87, published with pretraining 3.00"
PUBLISHED = {  # Hinton & Salakhutdinov 2006, figure 2
    "published: logistic PCA-30": 8.01,
    "published: autoencoder, pretrained": 3.00,
}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    code_size: int = 30,
    hidden_sizes: tuple[int, ...] = (1000, 500, 250),
    epochs: int = 60,
    batch_size: int = 500,
    learning_rate: float = 3e-3,
    shift: int = 1,
    logistic_epochs: int = 6,
    held_out: int = 5000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the autoencoder and compare it with principal components.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        code_size: Numbers in the code of an image.
        hidden_sizes: Of the encoder; the decoder has them in reverse.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        shift: Pixels by which training images are moved at most; less than 20 epochs do better with 0.
        logistic_epochs: Of each of the two logistic nets; a third of them are for layers one by one. 0 leaves them out.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Of weights and order.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import torch
    from sklearn.decomposition import PCA
    from torch import nn

    import seqae
    from seqae.data.images.mnist import class_names, read_images
    from seqae.datasets.images import ShiftedImages
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.evaluation.images import squared_distance
    from seqae.report import embedding_figure, loss_figure, save_figure
    from seqae.report.figures.images import image_rows_figure
    from seqae.report.run import Run
    from seqae.training.optimizers import OneSidedShampoo, cosine_with_warmup

    if smoke:
        dataset, epochs, logistic_epochs, batch_size, hidden_sizes = "digits", 3, 3, 100, (60, 40)
    torch.manual_seed(seed)
    seqae.configure_runtime()
    settings = dict(dataset=dataset, code_size=code_size, hidden_sizes=hidden_sizes, epochs=epochs)
    run = Run(
        "image_deep",
        out,
        settings
        | dict(batch_size=batch_size, learning_rate=learning_rate, shift=shift)
        | dict(logistic_epochs=logistic_epochs, seed=seed),
    )
    images, test = read_images(dataset, data_root)
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}")

    pixels = int(np.prod(train.size))
    model = seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code_size, hidden_sizes, embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code_size, hidden_sizes[::-1], head=nn.Unflatten(1, train.size)),
    )
    start(model, train.array().mean(axis=0))
    print(
        f"model  {'-'.join(map(str, (pixels, *hidden_sizes, code_size)))} and back, "
        f"{sum(weights.numel() for weights in model.parameters()):,} parameters"
    )

    def optimizer(model: nn.Module) -> torch.optim.Optimizer:
        return OneSidedShampoo(model.parameters(), learning_rate)

    history = seqae.fit(
        seqae.Reconstruction(model, seqae.binary_cross_entropy, optimizer=optimizer, lr_scheduler=cosine_with_warmup),
        DataLoader(
            ShiftedImages(train, shift, seed) if shift else train, LengthBucketSampler(train.lengths, batch_size, seed)
        ),
        DataLoader(valid, LengthBucketSampler(valid.lengths, 1000, shuffle=False)),
        epochs=epochs,
        patience=epochs,
        gradient_clip_val=None,
    )

    truth = np.concatenate(list(test))
    components = PCA(code_size, svd_solver="full").fit(images.array())
    flat = components.inverse_transform(components.transform(test.array())).reshape(truth.shape)
    shown = {"autoencoder": written(model, test), f"PCA-{code_size}": flat}
    found = {
        "mean image": squared_distance(images.array().mean(axis=0).reshape(1, *test.size), truth).mean(),
        f"PCA-{code_size}": squared_distance(flat, truth).mean(),
        f"PCA-{code_size}, cut to 0..1": squared_distance(flat.clip(0, 1), truth).mean(),
        "autoencoder, held-out images": squared_distance(written(model, valid), np.concatenate(list(valid))).mean(),
        "autoencoder": squared_distance(shown["autoencoder"], truth).mean(),
    }
    if logistic_epochs:
        order = LengthBucketSampler(train.lengths, batch_size // 5, seed)
        for name, share in (("random weights", 0), ("layer by layer first", 1 / 3)):
            by_layers = round(share * logistic_epochs)
            net = logistic_net(DataLoader(train, order), (*hidden_sizes, code_size), by_layers, logistic_epochs, seed)
            found[f"logistic, {logistic_epochs} epochs, {name}"] = squared_distance(written(net, test), truth).mean()
    metrics = {name: float(value) for name, value in found.items()}
    published = PUBLISHED if (dataset, code_size) == ("mnist", 30) else {}
    results = [{"method": name, "squared error": value} for name, value in (metrics | published).items()]

    rows = {"original": truth[:14], **{name: images[:14] for name, images in shown.items()}}
    save_figure(image_rows_figure(rows, "Test images and their reconstructions"), run.path("rows.png"))
    names = np.array(class_names(dataset))[test.labels]
    save_figure(embedding_figure(seqae.encode(model, test), names), run.path("codes.png"))
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def start(model, mean: np.ndarray) -> None:
    """Give a deep model first weights under which signals neither fade nor grow, and the mean image for output.

    He et al. 2015, https://arxiv.org/abs/1502.01852.
    """
    import torch
    from torch import nn

    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for layer in linear:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    chance = torch.from_numpy(mean).clamp(1e-3, 1 - 1e-3)
    with torch.no_grad():
        linear[-1].bias.copy_(chance.logit())
        linear[-1].weight.mul_(0.3)


def logistic_net(images, sizes: tuple[int, ...], by_layers: int, epochs: int, seed: int):
    """Return an autoencoder of logistic units that was trained for some epochs, the first of them layer by layer."""
    import torch
    from torch import nn

    import seqae
    from seqae.modules.images import ImageEncoder
    from seqae.modules.stacked import TimeDistributed
    from seqae.training.layerwise import Stage, pretrain_layerwise
    from seqae.training.optimizers import cosine_with_warmup

    torch.manual_seed(seed)
    size, below = images.source.size, (int(np.prod(images.source.size)), *sizes)
    up = [nn.Linear(before, after) for before, after in pairwise(below)]
    down = [nn.Linear(after, before) for before, after in pairwise(below)]
    reads = [
        nn.Sequential(*[nn.Flatten()] * (n == 0), up[n], *[nn.Sigmoid()] * (n < len(up) - 1)) for n in range(len(up))
    ]
    writes = [nn.Sequential(down[n], *[nn.Unflatten(1, size)] * (n == 0)) for n in range(len(down))]
    stages = [
        Stage(TimeDistributed(read), TimeDistributed(write), seqae.binary_cross_entropy)
        for read, write in zip(reads, writes)
    ]
    if by_layers:
        pretrain_layerwise(stages, images, epochs=by_layers, lr_scheduler=cosine_with_warmup)
    back = [layer for write in writes[:0:-1] for layer in (write, nn.Sigmoid())]
    model = seqae.Autoencoder(
        ImageEncoder(nn.Sequential(*reads), sizes[-1]), seqae.ConstantDecoder(nn.Sequential(*back, writes[0]))
    )
    seqae.fit(
        seqae.Reconstruction(model, seqae.binary_cross_entropy, lr_scheduler=cosine_with_warmup),
        images,
        epochs=epochs - by_layers,
    )
    return model


def written(model, images) -> np.ndarray:
    """Return what a model makes of images, from 0 to 1, (image, channel, height, width)."""
    import torch

    import seqae

    return torch.from_numpy(np.concatenate(seqae.reconstruct(model, images))).sigmoid().numpy()


if __name__ == "__main__":
    cli.run(main)
