"""Read sentences of six words from the lips: video in, words out.

Every position of a sentence has a learnt query, which attends to the frames in which its word is said and names the
word from them alone (Carion et al. 2020, https://arxiv.org/abs/2005.12872; all words at once, Gu et al. 2018,
https://arxiv.org/abs/1711.02281). Frames are read by convolutions, two at a time, and then by convolutions over time,
which learn from the sentences alone. The baseline is the most frequent words.

    python recipes/video_lip_reading/video_lip_reading.py
    python recipes/video_lip_reading/video_lip_reading.py --data-root folder/with/grid/s1
    python recipes/video_lip_reading/video_lip_reading.py --folder folder/with/mouths/and/sentences
"""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from grid import HEIGHT, WIDTH, read_mouths
from mouth_features import OnFrames, frame_convolutions, in_pairs
from torch import nn

import seqae
from seqae import cli
from seqae.datasets import PairDataset, SequenceDataset
from seqae.modules import Convolutions, DotAttention
from seqae.report import attention_figure, filmstrip_figure, loss_figure, save_figure
from seqae.seq2seq import PositionalQueryDecoder, Seq2Seq, StackedSeq2SeqEncoder
from seqae.text import exact_match, token_accuracy
from seqae.transforms import Compose, MaskSteps, RandomHorizontalFlip, RandomScale, RandomTranslate, TimeWarp

DATA = "a speaker of the GRID corpus, or synthetic mouths"
QUICK = {"data_root": "", "vector_size": 32, "hidden_size": 64, "epochs": 12}
WORDS = 6  # words of a sentence


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    vector_size: int = 96,
    hidden_size: int = 192,
    dropout: float = 0.4,
    epochs: int = 144,
    batch_size: int = 20,
    learning_rate: float = 3e-3,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn to read lips from four fifths of the clips, and compare with the most frequent words on the others.

    Args:
        data_root: Folder of one speaker's videos (s1/*.mpg) and alignments (align/*.align); synthetic mouths if empty.
        folder: Folder of ten videos or more of mouths of your own: NAME.mp4, and its six words in NAME.txt beside it.
        vector_size: Length of the vector of a step of two frames.
        hidden_size: Length of the vector of a step in which words are looked up.
        dropout: Probability with which training drops a value.
        epochs: Passes over the clips.
        batch_size: Clips in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        seed: Seed of the weights, the order and the corruption.
        smoke: Only try whether it runs, on a few synthetic mouths.
        out: Folder for the results.
    """
    if smoke:
        data_root, vector_size, hidden_size, epochs = "", 8, 16, 1
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    clips = read_mouths(folder, data_root, 30 if smoke else 500)
    steps, texts = [in_pairs(clip.frames) for clip in clips], [clip.caption for clip in clips]
    for_test = np.arange(len(clips)) % 5 == 4
    train, test = ([step for step, held in zip(steps, for_test) if held == part] for part in (False, True))
    known, truth = ([text for text, held in zip(texts, for_test) if held == part] for part in (False, True))
    vocabulary = seqae.Vocabulary().fit(known)
    print(f"data   {len(train)} + {len(test)} clips, {len(vocabulary)} tokens")

    layers = [
        frame_convolutions((HEIGHT // 2, WIDTH // 2), vector_size, dropout / 2),
        Convolutions(vector_size, [vector_size], 5),
        seqae.TimeDistributed(nn.Sequential(nn.LayerNorm(vector_size), nn.Dropout(dropout))),
        Convolutions(vector_size, [hidden_size], 5),
        seqae.TimeDistributed(nn.Dropout(dropout)),
    ]
    decoder = PositionalQueryDecoder(WORDS + 1, DotAttention(hidden_size), len(vocabulary), dropout)
    model = Seq2Seq(StackedSeq2SeqEncoder(layers, hidden_size), decoder)

    moved = RandomTranslate(2, 3), RandomHorizontalFlip(), OnFrames(TimeWarp(4.0)), RandomScale(0.2), MaskSteps(0.1)
    task = seqae.SequenceToSequence(
        model,
        label_smoothing=0.1,
        lr_scheduler=seqae.cosine_with_warmup,
        optimizer=lambda model: torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=0.05),
        corrupt=Compose(moved),
        seed=seed,
    )
    pairs = PairDataset(SequenceDataset(train), SequenceDataset([vocabulary.encode(text) for text in known]))
    history = seqae.fit(task, seqae.make_loader(pairs, batch_size, seed), epochs=epochs)

    captioner = seqae.Captioner(vocabulary, model, max_length=WORDS + 1)
    usual = [Counter(words).most_common(1)[0][0] for words in zip(*(text.split() for text in known))]
    written = {"positional queries": captioner.caption(test), "the most frequent words": [" ".join(usual)] * len(test)}
    scores = {name: evaluate(each, truth) for name, each in written.items()}
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}

    lines = ["\t".join(["truth", *written]), *("\t".join(row) for row in zip(truth, *written.values()))]
    run.write_text("sentences.tsv", "\n".join(lines) + "\n")
    maps = []
    for clip, text in zip(test[:2], written["positional queries"]):
        weights = captioner.attention_weights(clip, text)
        maps.append(([str(step) for step in range(len(clip))], [*text.split(), "<end>"], weights))
    save_figure(attention_figure(maps, "Attention to steps of two frames"), run.path("attention.png"))
    shown = {text: 0.5 + 2 * clip[np.linspace(0, len(clip) - 1, 12), :1].numpy() for clip, text in zip(test[:4], truth)}
    save_figure(filmstrip_figure(shown, title="Mouths, without their mean"), run.path("clips.png"))
    save_figure(loss_figure({"train": history.train}), run.path("loss.png"))
    seqae.save(captioner, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def evaluate(written: list[str], truth: list[str]) -> dict[str, float]:
    """Return the fraction of words and of sentences that are right, and that of the words in each position."""
    words, true = ([text.split() for text in texts] for texts in (written, truth))
    scores = {"words": token_accuracy(words, true), "sentences": exact_match(written, truth)}
    for position in range(WORDS):
        right = [one[position : position + 1] == [other[position]] for one, other in zip(words, true)]
        scores[f"word {position + 1}"] = float(np.mean(right))
    return scores


if __name__ == "__main__":
    cli.run(main)
