"""Write captions of video clips: frames in, words out.

A GRU attends to the states of the frames at each word (Yao et al. 2015, https://arxiv.org/abs/1502.08029); S2VT, a pair
of LSTMs, reads all frames and then writes (Venugopalan et al. 2015, https://arxiv.org/abs/1505.00487). The first reads
frames by convolutions, trained as an autoencoder and then further; S2VT by what these have become. The test has
combinations that are not in the training, and that a model of whole sentences never writes: so training hides words.

    python recipes/video_captions/video_captions.py
    python recipes/video_captions/video_captions.py --folder folder/with/clips/and/captions
"""

import copy
from pathlib import Path

import numpy as np
import torch
from caption_scores import evaluate
from synthetic_clips import captioned_clips, most_frequent
from torch import nn

import seqae
from seqae import cli
from seqae.data import CaptionedClip
from seqae.datasets import PairDataset, SequenceDataset
from seqae.modules import (
    Convolutions,
    GeneralAttention,
    WordDropout,
    frame_decoder,
    frame_encoder,
    init_forget_gate_bias,
)
from seqae.report import attention_figure, filmstrip_figure, loss_figure, save_figure
from seqae.seq2seq import S2VT, AttentionDecoder, RecurrentSeq2SeqEncoder, Seq2Seq

DATA = "synthetic clips of moving shapes"
QUICK = {"clips": 800, "epochs": 9}
VECTOR, DROPOUT = 64, 0.2  # length of the vector of a frame, and how often training drops what convolutions make of it


def main(
    folder: str = "",
    clips: int = 4000,
    hidden_size: int = 64,
    word_dropout: float = 0.5,
    epochs: int = 16,
    batch_size: int = 10,
    learning_rate: float = 1e-3,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn to caption with both models, and compare them with the most frequent words.

    Args:
        folder: Folder of ten clips or more of your own instead: NAME.mp4, and its caption in NAME.txt beside it.
        clips: Synthetic clips to learn from.
        hidden_size: Units of the GRU in each direction; the LSTMs have twice as many.
        word_dropout: Probability with which training hides a word before from a model.
        epochs: Passes over the clips.
        batch_size: Clips in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        seed: Seed of the clips, the weights and the order.
        smoke: Only try whether it runs, on a few clips.
        out: Folder for the results.
    """
    if smoke:
        clips, epochs = 30, 1
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    train, test = captioned_clips(folder, clips, seed)
    vocabulary = seqae.Vocabulary().fit(clip.caption for clip in train)
    truth, longest = [clip.caption for clip in test], max(12, *(1 + len(clip.caption.split()) for clip in train))
    print(f"data   {len(train)} + {len(test)} clips, {len(vocabulary)} tokens")
    frames = train_frames(train, seed)
    written = {"the most frequent words": [most_frequent([clip.caption for clip in train])] * len(test)}
    sizes, training = (len(vocabulary), hidden_size, word_dropout), (train, epochs, batch_size, learning_rate, seed)
    watcher = attention(frames.encoder.embed, *sizes)
    captioners = {"attention": seqae.Captioner(vocabulary, watcher, longest)}
    losses = {"attention": train_captioner(captioners["attention"], *training)}
    captioners["S2VT"] = seqae.Captioner(vocabulary, s2vt(watcher.encoder, *sizes), longest)
    losses["S2VT"] = train_captioner(captioners["S2VT"], *training)
    for name, captioner in captioners.items():
        written[name] = captioner.caption([clip.frames for clip in test])
        seqae.save(captioner, run.path(f"model-{name}"))

    scores = {name: evaluate(texts, truth) for name, texts in written.items()}
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}
    lines = ["\t".join(["truth", *written]), *("\t".join(row) for row in zip(truth, *written.values()))]
    run.write_text("captions.tsv", "\n".join(lines) + "\n")
    maps = []
    for clip, text in zip((clip.frames for clip in test[:2]), written["attention"]):
        weights = captioners["attention"].attention_weights(clip, text)
        maps.append(([str(step) for step in range(len(clip))], [*text.split(), "<end>"], weights))
    save_figure(attention_figure(maps, "Attention to the frames"), run.path("attention.png"))
    shown = {clip.caption: clip.frames[np.linspace(0, len(clip.frames) - 1, 12)].numpy() for clip in test[:4]}
    save_figure(filmstrip_figure(shown, title="Clips and their captions"), run.path("clips.png"))
    save_figure(loss_figure(losses), run.path("loss.png"))
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def train_frames(clips: list[CaptionedClip], seed: int) -> seqae.Autoencoder:
    """Return an autoencoder of single frames, trained without captions."""
    size, channels = tuple(clips[0].frames.shape[1:]), (16, 32, 64)
    encoder = seqae.ImageEncoder(frame_encoder(size, channels, VECTOR), VECTOR)
    model = seqae.Autoencoder(encoder, seqae.ConstantDecoder(frame_decoder(VECTOR, channels[::-1], size)))
    task = seqae.Reconstruction(model, seqae.binary_cross_entropy, None, 2e-3, lr_scheduler=seqae.cosine_with_warmup)
    images = SequenceDataset([frame[None] for clip in clips for frame in clip.frames[::3]])
    seqae.fit(task, seqae.make_loader(images, 64, seed), epochs=3, progress=False)
    return model


def attention(embed: nn.Module, tokens: int, hidden_size: int, word_dropout: float) -> Seq2Seq:
    """Return a bidirectional GRU over convolutions of frames, and a GRU that writes with attention to its states."""
    pre_net = nn.Sequential(Convolutions(VECTOR, (hidden_size,), 5), seqae.TimeDistributed(nn.Dropout(DROPOUT)))
    encoder = RecurrentSeq2SeqEncoder(seqae.GRU(hidden_size, hidden_size, bidirectional=True), embed, pre_net)
    vectors, head = nn.Sequential(WordDropout(word_dropout), nn.Embedding(tokens, 32)), nn.Linear(128, tokens)
    weights = GeneralAttention(hidden_size, 2 * hidden_size)
    return Seq2Seq(encoder, AttentionDecoder(vectors, seqae.GRU(32, hidden_size), weights, head, 128))


def s2vt(reader: RecurrentSeq2SeqEncoder, tokens: int, hidden_size: int, word_dropout: float) -> S2VT:
    """Return two LSTMs: the first reads what convolutions make of frames, the second its states and words before."""
    embed, pre_net = (copy.deepcopy(part).requires_grad_(False) for part in (reader.embed, reader.pre_net))
    size = 2 * hidden_size
    frames, words = (init_forget_gate_bias(seqae.LSTM(read, size), 1.5) for read in (hidden_size, size + 32))
    vectors = nn.Sequential(WordDropout(word_dropout), nn.Embedding(tokens, 32))
    return S2VT(frames, words, nn.Linear(size, tokens), vectors, embed, pre_net)


def train_captioner(
    captioner: seqae.Captioner,
    clips: list[CaptionedClip],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> list[float]:
    """Train the model of a captioner, the reading of frames included; return the loss of each epoch."""
    frames = SequenceDataset([clip.frames for clip in clips])
    captions = SequenceDataset([captioner.vocabulary.encode(clip.caption) for clip in clips])
    task = seqae.SequenceToSequence(captioner.model, learning_rate=learning_rate, lr_scheduler=seqae.cosine_with_warmup)
    loader = seqae.make_loader(PairDataset(frames, captions), batch_size, seed)
    return seqae.fit(task, loader, epochs=epochs).train


if __name__ == "__main__":
    cli.run(main)
