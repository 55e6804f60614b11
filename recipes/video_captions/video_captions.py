"""Write what is to be seen in a clip: frames in, words out.

Three ways: S2VT, one pair of LSTMs that reads all frames and then writes (Venugopalan et al. 2015,
https://arxiv.org/abs/1505.00487); a recurrence that looks among the states of the frames at each word (attention, Yao
et al. 2015, https://arxiv.org/abs/1502.08029); and, where the sentences have one form, a query for each place of a
sentence, which looks for the frames in which its word is said and names it from them alone. What reads the frames has
learnt to write them again beforehand, without captions; of mouths, those of the test clips, too.

    python recipes/video_captions.py
    python recipes/video_captions.py --dataset mouths --data-root folder/with/grid_s1_mouth

By default clips are made up: a shape moves one way and then another, and the test shows combinations of shape and ways
that were not learnt from. `mouths` are real: 500 clips of a speaker's mouth, and the sentence of six words that is said
(GRID corpus, Cooke et al. 2006, https://doi.org/10.1121/1.2229005). A linear classifier that is told when each word is
said names .82 of the words of these clips.
"""

import copy
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from seqae import cli

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from seqae.autoencoder import Autoencoder
    from seqae.data.video.captions import CaptionedClip
    from seqae.seq2seq.captioner import Captioner

DATA = "made-up clips of moving shapes; or mouths of the GRID corpus"
MINUTES = 13
RESULT = "unseen combinations of shapes and ways: .972 exactly right; words of mouths .805, the most frequent .175"
VECTOR = {"shapes": 64, "mouths": 96}  # numbers that a step is read as
SPLITS = ("train", "val", "test")  # of the mouths; the last two are the test


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "shapes",
    clips: int = 4000,
    epochs: int = 0,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn to caption, and compare with the most frequent words.

    Args:
        data_root: For mouths: the folder that holds grid_s1_mouth.
        dataset: One of shapes, mouths.
        clips: Of shapes, to learn from.
        epochs: Passes over the clips; 0 for what the data set needs.
        seed: Of clips, weights and order.
        smoke: Only try whether it runs, on a few shapes.
        out: Folder for the results.
    """
    import numpy as np
    import torch

    import seqae
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.attention import attention_figure
    from seqae.report.figures.video import filmstrip_figure
    from seqae.report.run import Run
    from seqae.seq2seq.captioner import Captioner
    from seqae.text.caption_metrics import cider_d, word_error_rate
    from seqae.text.metrics import bleu, exact_match, token_accuracy
    from seqae.text.vocabulary import Vocabulary

    if smoke:
        dataset, clips, epochs = "shapes", 30, 1
    settings = settings_for(dataset) | ({"epochs": epochs} if epochs else {})
    train, test = shapes(clips, seed) if dataset == "shapes" else mouths(data_root)
    torch.manual_seed(seed)
    seqae.configure_runtime()
    run = Run("video_captions", out, dict(dataset=dataset, clips=len(train), seed=seed, epochs=settings["epochs"]))
    vocabulary = Vocabulary().fit(clip.caption for clip in train)
    truths = [clip.caption for clip in test]
    print(f"data   {len(train)} + {len(test)} clips, {len(vocabulary)} words and signs")

    frames = read_frames(train + test if dataset == "mouths" else train, dataset, seed)
    found = {"the most frequent words": [most_frequent([clip.caption.split() for clip in train])] * len(test)}
    ways = {"S2VT": s2vt, "attention": attention} if dataset == "shapes" else {"places": places}
    best = list(ways)[-1]
    captioners, losses = {}, {}
    for name, make in {**ways, f"{best}, frames not learnt before": ways[best]}.items():
        torch.manual_seed(seed)
        embed = copy.deepcopy(frames.encoder.embed) if name in ways else not_learnt(train, dataset)
        captioners[name] = Captioner(vocabulary, make(len(vocabulary), embed, settings), max_length=12)
        losses[name] = train_captions(captioners[name], train, settings, seed)
        found[name] = captioners[name].caption([clip.frames for clip in test])
        print(f"{name}: {exact_match(found[name], truths):.3f} of the captions are exactly right")

    words = [truth.split() for truth in truths]
    results = [
        {
            "method": name,
            "words in place": token_accuracy([text.split() for text in texts], words),
            "exact": exact_match(texts, truths),
            "word error rate": word_error_rate(texts, truths),
            "BLEU-4": bleu(texts, truths, tokenize="none"),
            "CIDEr-D": cider_d(texts, [[truth] for truth in truths]),
        }
        for name, texts in found.items()
    ]
    metrics = {f"{line['method']}: {key}": line[key] for line in results for key in line if key != "method"}
    said = [text.split() for text in found[best]]
    for place in range(min(map(len, words))):
        right = [one[place : place + 1] == [row[place]] for one, row in zip(said, words)]
        metrics[f"{best}, word {place + 1}"] = float(np.mean(right))

    lines = ["\t".join(["truth", *found]), *("\t".join(row) for row in zip(truths, *found.values()))]
    run.path("captions.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    looks = [
        (
            [str(step) for step in range(len(clip.frames))],
            [*text.split(), "<end>"],
            captioners[best].attention_weights(clip.frames, text),
        )
        for clip, text in list(zip(test, found[best]))[:2]
    ]
    save_figure(attention_figure(looks, "Which steps it looked at while it wrote"), run.path("attention.png"))
    shown = {f"{clip.caption}": drawn(clip.frames) for clip in test[:4]}
    save_figure(filmstrip_figure(shown, title="Clips and their captions"), run.path("clips.png"))
    written = torch.from_numpy(np.concatenate(seqae.reconstruct(frames, list(test[0].frames.unsqueeze(1)))))
    written = written.sigmoid() if dataset == "shapes" else written
    both = {"frames": drawn(test[0].frames), "written again": drawn(written)}
    save_figure(
        filmstrip_figure(both, title="What reads the frames, before it learns of captions"), run.path("frames.png")
    )
    save_figure(loss_figure(losses), run.path("loss.png"))
    for way in ways:
        seqae.save(captioners[way], run.path(f"model-{way}"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def settings_for(dataset: str) -> dict[str, object]:
    """Return how to train: there are as many shapes as one likes, but few mouths, which are damaged in many ways."""
    from seqae.transforms.augmentations import RandomScale, TimeWarp
    from seqae.transforms.corruptions import Compose, GaussianNoise, MaskSteps

    if dataset == "shapes":
        net = dict(vector=VECTOR[dataset], hidden_size=64, views=0, corrupt=None)
        return dict(epochs=11, batch_size=10, learning_rate=1e-3, decay=0.0, smoothing=0.0, **net)
    if dataset == "mouths":
        damage = Compose((TimeWarp(2.0), RandomScale(0.2), GaussianNoise(0.1), MaskSteps(0.1)))
        net = dict(vector=VECTOR[dataset], hidden_size=192, dropout=0.4, views=18, corrupt=damage)
        return dict(epochs=8, batch_size=20, learning_rate=4e-3, decay=0.05, smoothing=0.1, **net)
    raise ValueError(f"no clips {dataset!r}. Choose shapes or mouths")


def shapes(count: int, seed: int) -> "tuple[list[CaptionedClip], list[CaptionedClip]]":
    """Return made-up clips to learn from, and others with unseen combinations."""
    from synthetic_clips import made_clips

    return made_clips(count, seed), made_clips(min(500, count), seed + 1, unseen=True)


def mouths(data_root: str) -> "tuple[list[CaptionedClip], list[CaptionedClip]]":
    """Return 400 and 100 clips; a step holds two frames, without what stands still in the clip."""
    from seqae.data.video.captions import CaptionedClip, read_sheets

    if not data_root:
        raise FileNotFoundError("no mouths. Give the folder that holds grid_s1_mouth as --data-root")

    def paired(clip: CaptionedClip) -> CaptionedClip:
        moving = clip.frames - clip.frames.mean(dim=0)
        last = len(moving) // 2 * 2
        return CaptionedClip(moving[:last].reshape(-1, 2, *moving.shape[2:]), clip.captions, clip.name)

    parts = [read_sheets(Path(data_root, "grid_s1_mouth"), part) for part in SPLITS]
    train, valid, test = ([paired(clip) for clip in part] for part in parts)
    return train, valid + test


def most_frequent(captions: list[list[str]]) -> str:
    """Return the most frequent word of each place."""
    usual = Counter(map(len, captions)).most_common(1)[0][0]
    places = zip(*(words for words in captions if len(words) == usual))
    return " ".join(Counter(words).most_common(1)[0][0] for words in places)


def fresh(dataset: str, size: tuple[int, ...]) -> "tuple[nn.Module, nn.Module]":
    """Return what turns frames into vectors, and what turns those into frames."""
    import math

    from torch import nn

    from seqae.modules.images import frame_decoder, frame_encoder

    vector = VECTOR[dataset]
    if dataset == "shapes":
        return frame_encoder(size, (16, 32, 64), vector), frame_decoder(vector, (64, 32, 16), size)
    pixels = math.prod(size)
    embed = nn.Sequential(nn.Flatten(), nn.Linear(pixels, vector))
    return embed, nn.Sequential(nn.Linear(vector, pixels), nn.Unflatten(1, size))


def not_learnt(clips: "list[CaptionedClip]", dataset: str) -> "nn.Module":
    """Return a fresh embed; what it makes of mouths has the scale of learnt codes, since captions don't change it."""
    import torch

    embed = fresh(dataset, clips[0].frames.shape[1:])[0]
    if dataset == "mouths":
        with torch.no_grad():
            spread, centre = torch.std_mean(embed(torch.cat([clip.frames for clip in clips])), dim=0)
            embed[1].weight /= spread[:, None]
            embed[1].bias.sub_(centre).div_(spread)
    return embed


def read_frames(clips: "list[CaptionedClip]", dataset: str, seed: int) -> "Autoencoder":
    """Return an autoencoder of single steps that has learnt without captions."""
    import torch

    import seqae
    from seqae.batch import Batch
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import SequenceDataset
    from seqae.modules.images import ImageEncoder
    from seqae.training.optimizers import cosine_with_warmup

    embed, head = fresh(dataset, clips[0].frames.shape[1:])
    model = seqae.Autoencoder(ImageEncoder(embed, VECTOR[dataset]), seqae.ConstantDecoder(head))
    if dataset == "mouths":  # a linear autoencoder, whose best weights are known: principal components
        damage = settings_for(dataset)["corrupt"]
        moved = damage(Batch.of([clip.frames for clip in clips]), torch.Generator().manual_seed(seed))
        start_from_principal_components(embed[1], head[0], moved.steps.flatten(1)[::3])
        return model
    source = SequenceDataset([frame[None] for clip in clips for frame in clip.frames[::3]])
    task = seqae.Reconstruction(model, seqae.binary_cross_entropy, learning_rate=2e-3, lr_scheduler=cosine_with_warmup)
    seqae.fit(task, DataLoader(source, LengthBucketSampler(source.lengths, 64, seed)), epochs=3, progress=False)
    return model


def start_from_principal_components(encode: "nn.Linear", decode: "nn.Linear", rows: "Tensor") -> None:
    """Set the weights of a linear autoencoder; all numbers of a code vary alike, except for the smallest components."""
    import torch

    centre = rows.mean(dim=0)
    count = len(encode.weight)
    _, sizes, axes = torch.svd_lowrank(rows - centre, q=2 * count, niter=4)  # all would take 20 times longer
    spread, axes = sizes[:count] / len(rows) ** 0.5, axes[:, :count].T
    spread = spread.clamp(min=0.15 * float(spread[0]))
    with torch.no_grad():
        encode.weight.copy_(axes / spread[:, None])
        encode.bias.copy_(-encode.weight @ centre)
        decode.weight.copy_((axes * spread[:, None]).T)
        decode.bias.copy_(centre)


def s2vt(words: int, embed: "nn.Module", settings: dict) -> "nn.Module":
    from torch import nn

    from seqae.modules.recurrent import LSTM, init_forget_gate_bias
    from seqae.seq2seq.s2vt import S2VT

    size = 2 * settings["hidden_size"]
    frames, sentence = (init_forget_gate_bias(LSTM(reads, size), 1.5) for reads in (settings["vector"], size + 32))
    return S2VT(frames, sentence, nn.Linear(size, words), nn.Embedding(words, 32), embed)


def attention(words: int, embed: "nn.Module", settings: dict) -> "nn.Module":
    from torch import nn

    from seqae.modules.attention import GeneralAttention
    from seqae.modules.convolution import Convolutions
    from seqae.modules.recurrent import GRU
    from seqae.seq2seq.models import AttentionDecoder, RecurrentSeq2SeqEncoder, Seq2Seq

    size = settings["hidden_size"]
    reader = GRU(size, size, bidirectional=True)
    encoder = RecurrentSeq2SeqEncoder(reader, embed, Convolutions(settings["vector"], (size,), 5))
    vectors, head = nn.Embedding(words, 32), nn.Linear(128, words)
    return Seq2Seq(encoder, AttentionDecoder(vectors, GRU(32, size), GeneralAttention(size, 2 * size), head, 128))


def places(words: int, embed: "nn.Module", settings: dict) -> "nn.Module":
    """A word is named from convolutions: the states of a recurrence know the whole sentence, and learn it by heart."""
    from torch import nn

    from seqae.modules.attention import DotAttention
    from seqae.modules.convolution import Convolutions
    from seqae.modules.stacked import TimeDistributed
    from seqae.seq2seq.models import Seq2Seq, StackedSeq2SeqEncoder
    from seqae.seq2seq.positional import PositionalQueryDecoder

    vector, size, dropout = settings["vector"], settings["hidden_size"], settings["dropout"]
    reader = [
        TimeDistributed(embed),
        Convolutions(vector, [vector], 5),
        TimeDistributed(nn.Sequential(nn.LayerNorm(vector), nn.Dropout(dropout))),
        Convolutions(vector, [size], 5),
        TimeDistributed(nn.Dropout(dropout)),
    ]
    return Seq2Seq(StackedSeq2SeqEncoder(reader, size), PositionalQueryDecoder(7, DotAttention(size), words, dropout))


def train_captions(captioner: "Captioner", clips: "list[CaptionedClip]", settings: dict, seed: int) -> list[float]:
    """Return the loss of each epoch."""
    import torch

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.pairs import PairDataset
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import SequenceDataset
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.seq2seq import SequenceToSequence

    model, sequences = captioner.model, [clip.frames for clip in clips]
    if settings["views"]:
        model, sequences = seen_differently(model, sequences, settings["views"], seed)
    targets = [captioner.writes.encode(clip.caption) for clip in clips] * max(1, settings["views"])
    source = PairDataset(SequenceDataset(sequences), SequenceDataset(targets))
    task = SequenceToSequence(
        model,
        settings["smoothing"],
        lr_scheduler=cosine_with_warmup,
        optimizer=lambda model: torch.optim.AdamW(
            model.parameters(), lr=settings["learning_rate"], weight_decay=settings["decay"]
        ),
        corrupt=settings["corrupt"],
        seed=seed,
    )
    loader = DataLoader(source, LengthBucketSampler(source.lengths, settings["batch_size"], seed))
    return seqae.fit(task, loader, epochs=settings["epochs"]).train


def seen_differently(
    model: "nn.Module", clips: "list[Tensor]", views: int, seed: int
) -> "tuple[nn.Module, list[Tensor]]":
    """Return what follows on the embed, which stays as it is, and what that makes of clips moved and mirrored."""
    import torch

    from seqae.batch import Batch
    from seqae.seq2seq.models import Seq2Seq, StackedSeq2SeqEncoder
    from seqae.transforms.augmentations import RandomHorizontalFlip, RandomTranslate
    from seqae.transforms.corruptions import Compose, corruption_generator

    embed, *layers = model.encoder.layers
    damage, codes = Compose((RandomTranslate(2, 3), RandomHorizontalFlip())), []
    with torch.no_grad():
        for view in range(views):
            for first in range(0, len(clips), 20):
                moved = damage(Batch.of(clips[first : first + 20]), corruption_generator(seed, view, first))
                codes += embed(moved).unpad()
    return Seq2Seq(StackedSeq2SeqEncoder(layers, model.encoder.states_size), model.decoder), codes


def drawn(frames: "Tensor") -> "np.ndarray":
    """Return twelve of the frames, (time, 1, height, width), from 0 to 1."""
    chosen = frames[:: max(1, len(frames) // 12)][:12, :1].numpy()
    return chosen if chosen.min() >= 0 else 0.5 + 2 * chosen


if __name__ == "__main__":
    cli.run(main)
