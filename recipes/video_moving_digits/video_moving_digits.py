"""Read ten frames of two moving digits, restore them, and predict the next ten, which fade after two or three.

The maps of all frames are channels of one image, of which convolutions make a code that keeps where things are, and of
that the maps of all frames of the past and of the future, at once (SimVP, Gao et al. 2022,
https://arxiv.org/abs/2206.05099). Moving MNIST is generated as by Srivastava et al. 2015
(https://arxiv.org/abs/1502.04681), who have one code for both; every training video is seen once. Errors are sums over
a frame; no cross-entropy can be below the entropy of the truth, whose grey pixels are uncertain.

    python recipes/video_moving_digits/video_moving_digits.py --dataset digits
    python recipes/video_moving_digits/video_moving_digits.py --data-root folder/with/MNIST
    python recipes/video_moving_digits/video_moving_digits.py --folder folder/with/videos --epochs 100
"""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from convolutions import coarse_mapping, frame_maps, mapping, maps_frame, reconstruct_and_predict
from own_clips import own_clips
from principal_components import principal_components
from torch import Tensor, nn

import seqae
from seqae import cli
from seqae.data import EpochSampler, MovingMNIST, entropy, read_images
from seqae.evaluation import video_prediction_errors
from seqae.modules import CompositeAutoencoder, ResampledMapsDecoder, ResampledMapsEncoder, downsampled_size
from seqae.report import filmstrip_figure, loss_figure, save_figure, write_video

DATA = "Moving MNIST, made from MNIST or from scikit-learn's digits"
QUICK = {"dataset": "digits", "videos": 4000, "test_videos": 50, "epochs": 5, "channels": 64}
READ, FRAME_CHANNELS = 10, 16  # frames that are read, and channels of the maps of each
Method = Callable[[Tensor], tuple[Tensor, Tensor]]  # from the frames read to past and future


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    videos: int = 60000,
    test_videos: int = 1000,
    epochs: int = 10,
    code_channels: int = 16,
    channels: int = 128,
    batch_size: int = 8,
    learning_rate: float = 2e-3,
    precision: str = "32-true",
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the composite autoencoder and compare it with still frames and principal components.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of five videos or more of your own instead, of 20 frames or more, scaled to 64 x 64 grey pixels.
        videos: Training videos; each is seen once.
        test_videos: Test videos, of the test digits; a fifth as many others choose the best epoch.
        epochs: Parts of the training, after each of which it is validated.
        code_channels: Channels of the maps of the code, which have a quarter of the height and width of a frame.
        channels: Channels of the maps within the networks, a multiple of 8.
        batch_size: Videos in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        precision: That of the numbers; bf16-mixed takes half of the time where the processor multiplies bfloat16.
        seed: Seed of the videos and the weights.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, videos, test_videos, epochs, channels = "digits", 32, 8, 2, 16
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

    model = composite(size, code_channels, channels, dark=float(valid_frames.mean().logit()))
    print(f"model  {sum(each.numel() for each in model.parameters()):,} parameters, code {model.encoder.code_size}")
    task = seqae.ReconstructAndForecast(
        model, seqae.binary_cross_entropy, READ, learning_rate, lr_scheduler=seqae.cosine_with_warmup
    )
    held_out = seqae.make_loader(valid, 50, shuffle=False)
    history = seqae.fit(task, loader, held_out, epochs=epochs, patience=epochs, precision=precision)

    pca = principal_components(train, model.encoder.code_size // READ)
    mean = valid_frames.mean(dim=(0, 1))
    methods: dict[str, Method] = {
        "the mean frame": lambda read: (mean.expand_as(read), mean.expand_as(read)),
        "the mean of the frames read": lambda read: 2 * (read.mean(dim=1, keepdim=True).expand_as(read),),
        "the last frame again": lambda read: 2 * (read[:, -1:].expand_as(read),),
        "PCA, the last frame again": lambda read: (pca(read), pca(read[:, -1:]).expand_as(read)),
        "autoencoder": lambda read: reconstruct_and_predict(model, read),
    }
    scores = {name: video_prediction_errors(each, valid_frames, test_frames, READ) for name, each in methods.items()}
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}
    metrics["entropy of the truth"] = floor

    written = torch.cat(methods["autoencoder"](test_frames[:1, :READ]), dim=1)[0].numpy()
    shown = {"truth": test_frames[0].numpy(), "autoencoder": written}
    save_figure(filmstrip_figure(shown, READ, "Ten frames reconstructed, ten predicted"), run.path("frames.png"))
    write_video(run.path("video.mp4"), shown)
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def composite(size: int, code_channels: int, channels: int, dark: float) -> CompositeAutoencoder:
    """Return the model: one encoder of frames `(1, size, size)`, and decoders of past and future that write logits.

    Args:
        size: Height and width of a frame.
        code_channels: Channels of the maps of the code.
        channels: Channels of the maps within the networks.
        dark: The logit of the mean brightness, which is written before anything is learnt.
    """
    side, every = downsampled_size(size, size, 2)[0], READ * FRAME_CHANNELS
    shape = code_channels, side, side

    def decoder(network: nn.Module) -> ResampledMapsDecoder:
        return ResampledMapsDecoder(network, READ, shape, maps_frame(FRAME_CHANNELS, size, dark))

    reader = mapping(every, code_channels, channels, blocks=2)
    encoder = ResampledMapsEncoder(frame_maps(FRAME_CHANNELS), reader, READ, shape)
    past = mapping(code_channels, every, channels, blocks=2)
    future = mapping(code_channels, every, channels, blocks=1, coarse=coarse_mapping(channels, side, blocks=4))
    return CompositeAutoencoder(encoder, past=decoder(past), future=decoder(future))


if __name__ == "__main__":
    cli.run(main)
