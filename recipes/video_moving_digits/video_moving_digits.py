"""Read ten frames of two moving digits, reconstruct them, and predict the next ten.

A CNN reads each frame, an LSTM the video, and two more LSTMs write past and future from its last state (Srivastava et
al. 2015, https://arxiv.org/abs/1502.04681). Moving MNIST is generated as in their paper; every training video is seen
once. Errors are sums over the pixels of a frame; grey pixels are uncertain, so that no cross-entropy can be below the
entropy of the truth.

    python recipes/video_moving_digits/video_moving_digits.py --dataset digits
    python recipes/video_moving_digits/video_moving_digits.py --data-root folder/with/MNIST
    python recipes/video_moving_digits/video_moving_digits.py --folder folder/with/videos --epochs 100
"""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from own_clips import own_clips
from torch import Tensor

import seqae
from seqae import cli
from seqae.data import EpochSampler, MovingMNIST, entropy, read_images
from seqae.evaluation import video_prediction_errors
from seqae.modules import CompositeAutoencoder, frame_decoder, frame_encoder
from seqae.report import filmstrip_figure, loss_figure, save_figure, write_video

DATA = "Moving MNIST, made from MNIST or from scikit-learn's digits"
QUICK = {"dataset": "digits", "videos": 6000, "test_videos": 50, "hidden_size": 128}
READ = 10  # frames
CHANNELS = (16, 32, 64, 64)
Method = Callable[[Tensor], tuple[Tensor, Tensor]]  # from the frames read to past and future


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    videos: int = 8000,
    test_videos: int = 1000,
    epochs: int = 10,
    hidden_size: int = 256,
    batch_size: int = 16,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the composite autoencoder and compare it with still frames.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of five videos or more of your own instead, of 20 frames or more, scaled to 64 x 64 grey pixels.
        videos: Training videos; each is seen once.
        test_videos: Test videos, of the test digits; a fifth as many others choose the best epoch.
        epochs: Parts of the training, after each of which it is validated.
        hidden_size: Units of the LSTMs.
        batch_size: Videos in a batch.
        seed: Seed of the videos and the weights.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, videos, test_videos, epochs, hidden_size = "digits", 32, 8, 2, 16
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    if folder:
        train, valid, test = own_clips(folder, READ)
        loader, videos = seqae.make_loader(train, batch_size, seed), len(train)
    else:
        images, test_images = read_images(dataset, data_root)
        size = round(max(images.size[1:]) * 64 / 28)
        train = MovingMNIST(images, videos, size=size, seed=seed + 3)
        valid = MovingMNIST(images, max(8, test_videos // 5), size=size, seed=seed + 1)
        test = MovingMNIST(test_images, test_videos, size=size, seed=seed + 2)
        loader = seqae.DataLoader(train, EpochSampler(videos // epochs, batch_size))
    valid_frames, test_frames = (torch.stack([part[index] for index in range(len(part))]) for part in (valid, test))
    size = test_frames.shape[-1]
    floor = entropy(test_frames[:200].flatten(0, 1))
    print(f"data   {videos} + {len(test)} videos of 20 frames, {size} x {size}; entropy of a frame {floor:.1f} nats")

    model = composite(size, hidden_size, dark=float(valid_frames.mean().logit()))
    print(f"model  {sum(each.numel() for each in model.parameters()):,} parameters, a code of {hidden_size} units")
    task = seqae.ReconstructAndForecast(
        model,
        seqae.binary_cross_entropy,
        context_length=READ,
        lr_scheduler=seqae.cosine_with_warmup,
    )
    history = seqae.fit(task, loader, seqae.make_loader(valid, 50, shuffle=False), epochs=epochs, patience=epochs)

    mean = valid_frames.mean(dim=(0, 1))
    methods: dict[str, Method] = {
        "the mean frame": lambda read: (mean.expand_as(read), mean.expand_as(read)),
        "the mean of the frames read": lambda read: 2 * (read.mean(dim=1, keepdim=True).expand_as(read),),
        "the last frame again": lambda read: 2 * (read[:, -1:].expand_as(read),),
        "CNN + LSTM": lambda read: reconstruct_and_predict(model, read),
    }
    scores = {
        name: video_prediction_errors(method, valid_frames, test_frames, READ) for name, method in methods.items()
    }
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}
    metrics["entropy of the truth"] = floor

    written = torch.cat(methods["CNN + LSTM"](test_frames[:1, :READ]), dim=1)[0].numpy()
    shown = {"truth": test_frames[0].numpy(), "CNN + LSTM": written}
    save_figure(filmstrip_figure(shown, READ, "Ten frames reconstructed, ten predicted"), run.path("frames.png"))
    write_video(run.path("video.mp4"), shown)
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def composite(size: int, hidden_size: int, dark: float) -> CompositeAutoencoder:
    """Return the model: one encoder of frames `(1, size, size)`, and decoders of past and future that write logits.

    Args:
        size: Height and width of a frame.
        hidden_size: Units of each LSTM.
        dark: The logit of the mean brightness, which is written before anything is learnt.
    """
    shape = (1, size, size)

    def decoder() -> seqae.RepeatDecoder:
        head = frame_decoder(hidden_size, CHANNELS[::-1], shape, output_bias=dark)
        return seqae.RepeatDecoder(seqae.LSTM(hidden_size, hidden_size), head)

    reader = seqae.LSTM(hidden_size, hidden_size)
    encoder = seqae.RecurrentEncoder(reader, hidden_size, embed=frame_encoder(shape, CHANNELS, hidden_size))
    return CompositeAutoencoder(encoder, past=seqae.ReversedDecoder(decoder()), future=decoder())


def reconstruct_and_predict(model: CompositeAutoencoder, read: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames that were read, `(video, frame, 1, size, size)`, and as many that follow, as probabilities."""
    with seqae.evaluating(model):
        found = model(seqae.Batch.full(read), torch.full((len(read),), READ))
    assert found.past is not None and found.future is not None
    return found.past.values.sigmoid(), found.future.values.sigmoid()


if __name__ == "__main__":
    cli.run(main)
