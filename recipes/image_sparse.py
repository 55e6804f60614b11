"""More code numbers than pixels: 1000 units for 784 pixels, kept from copying by an L1 penalty or by their number.

Without a penalty an over-complete code copies its input and its units look for nothing in particular. With one, few
units answer to an image, and they look for strokes. L1 on the activity as in Olshausen & Field 1996,
https://doi.org/10.1038/381607a0; the largest k as in Makhzani & Frey 2013, https://arxiv.org/abs/1312.5663.

    python recipes/image_sparse.py --dataset digits
    python recipes/image_sparse.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 2
RESULT = "MNIST, 1000 code numbers: 90 % are zero with L1, 96 % with top-k, 9 % with neither; accuracy .931, .874, .930"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    units: int = 1000,
    penalty: float = 0.3,
    keep: int = 40,
    epochs: int = 3,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    held_out: int = 5000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the same layer without a penalty, with L1 and with the largest k, and compare their codes.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        units: Numbers in a code.
        penalty: Price of the mean absolute value of a code, in nats per pixel.
        keep: Numbers of a code that the third model keeps.
        epochs: Passes over the training images for each model.
        batch_size: Images in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Of weights and order.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import torch
    from scipy.special import expit
    from sklearn.linear_model import RidgeClassifier
    from torch import nn

    import seqae
    from seqae.data.images.mnist import read_images
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.evaluation.images import image_cross_entropy
    from seqae.modules.images import ImageEncoder
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.images import filters_figure, image_rows_figure
    from seqae.report.run import Run
    from seqae.training.optimizers import cosine_with_warmup

    if smoke:
        dataset, units, epochs, batch_size = "digits", 100, 2, 64
    seqae.configure_runtime()
    settings = dict(dataset=dataset, units=units, penalty=penalty, keep=keep, epochs=epochs, seed=seed)
    run = Run("image_sparse", out, settings)
    images, test = read_images(dataset, data_root)
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    pixels = int(np.prod(train.size))
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {pixels} pixels; codes of {units} numbers")

    truth = test.array().reshape(-1, *test.size)
    found, losses, results = {"original": truth[:14]}, {}, []
    for name, code in (
        ("no penalty", None),
        (f"L1, {penalty:g}", seqae.L1Code(penalty)),
        (f"largest {keep}", seqae.TopKCode(keep)),
    ):
        torch.manual_seed(seed)
        model = seqae.Autoencoder(
            ImageEncoder(nn.Sequential(nn.Flatten(), nn.Linear(pixels, units), nn.ReLU()), units),
            seqae.ConstantDecoder(nn.Sequential(nn.Linear(units, pixels), nn.Unflatten(1, train.size))),
            code,
        )
        history = seqae.fit(
            seqae.Reconstruction(
                model, seqae.binary_cross_entropy, learning_rate=learning_rate, lr_scheduler=cosine_with_warmup
            ),
            DataLoader(train, LengthBucketSampler(train.lengths, batch_size, seed)),
            DataLoader(valid, LengthBucketSampler(valid.lengths, 1000, shuffle=False)),
            epochs=epochs,
            patience=epochs,
        )
        losses[name] = history.valid
        written, codes = expit(np.concatenate(seqae.reconstruct(model, test))), seqae.encode(model, test)
        found[name] = written[:14]
        classifier = RidgeClassifier().fit(seqae.encode(model, valid), valid.labels)
        results.append(
            {
                "code": name,
                "zero %": float(100 * (codes == 0).mean()),
                "units in use": int((codes != 0).any(axis=0).sum()),
                "cross-entropy": float(image_cross_entropy(written, truth).mean()),
                f"accuracy, {len(valid)} labels": float(classifier.score(codes, test.labels)),
            }
        )
        short = "model" if code is None else type(code).__name__
        used = np.argsort(-codes.mean(axis=0))[:200]
        looked_for = model.encoder.embed[1].weight.detach().numpy()[used]
        picture = filters_figure(looked_for, train.size, title=f"What the most active units look for: {name}")
        save_figure(picture, run.path(f"filters-{short}.png"))
        seqae.save(model, run.path(f"model-{short}"))

    classifier = RidgeClassifier().fit(valid.array(), valid.labels)
    on_pixels = float(classifier.score(test.array(), test.labels))
    results.append({**dict.fromkeys(results[0]), "code": "the pixels themselves", list(results[0])[-1]: on_pixels})
    save_figure(image_rows_figure(found, "Test images and their reconstructions"), run.path("rows.png"))
    save_figure(loss_figure(losses), run.path("loss.png"))
    metrics = {f"{line['code']}: {key}": line[key] for line in results[:3] for key in list(line)[1:]}
    run.finish(results, metrics)
    return metrics


if __name__ == "__main__":
    cli.run(main)
