"""Write sentences again from codes of 512 numbers; of opinions these tell no more than principal components do.

The code is a short sequence: what a network over time has read, resampled to 32 positions. Convolutions write all
pieces of words at once. The LSTM, as in Sutskever et al. 2014, https://arxiv.org/abs/1409.3215, writes one after the
other: a step reads the piece before, the true one in training (teacher forcing), its own in use, and the code there.
What the codes tell of opinions is compared with codes as long that need not keep the order, see `context_codes`.

    python recipes/text_autoencode/text_autoencode.py --data-root folder/with/sets
    python recipes/text_autoencode/text_autoencode.py --file my_sentences.txt
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from context_codes import context_codes
from one_hot_components import OneHotComponents
from restored import examples, probe, text_scores
from sentences import read_documents, read_sentences
from torch import nn

import seqae
from seqae import cli
from seqae.modules import Argmax, Convolutions, ResampledCode, ResampledDecoder, ResampledEncoder, TiedHead

DATA = "English sentences of six public sets, your own, or synthetic reviews"
QUICK = {
    "data_root": "",
    "code_size": 65,
    "vocabulary_size": 350,
    "hidden_size": 64,
    "epochs": 7,
    "learning_rate": 6e-3,
    "held_out": 200,
}
POSITIONS = 32  # of a code, each with as many numbers


def build_convolutions(tokens: int, code_size: int, hidden_size: int, max_length: int) -> seqae.Autoencoder:
    """Return convolutions that read, and others that write all pieces at once."""
    embedding, size = tied_embedding(tokens, hidden_size // 2), (code_size - 1) // POSITIONS
    reader, writer = (Convolutions(hidden_size, [hidden_size] * 2) for _ in range(2))
    encoder = ResampledEncoder(hidden_size // 2, reader, POSITIONS, size, embedding, keeps_length=True)
    decoder = ResampledDecoder(POSITIONS, size, writer, TiedHead(embedding, hidden_size), keeps_length=True)
    return seqae.Autoencoder(encoder, decoder, length=seqae.LengthPredictor(encoder.code_size, max_length))


def build_lstm(tokens: int, code_size: int, hidden_size: int, max_length: int) -> seqae.Autoencoder:
    """Return an LSTM that reads in both directions, and one that reads what it has written."""
    half, size = hidden_size // 2, (code_size - 1) // POSITIONS
    embedding, condition = tied_embedding(tokens, half), ResampledCode(POSITIONS, size, half, keeps_length=True)
    reader, writer = seqae.LSTM(hidden_size, half, bidirectional=True), seqae.LSTM(hidden_size, hidden_size)
    encoder = ResampledEncoder(half, reader, POSITIONS, size, embedding, keeps_length=True)
    head, choice = TiedHead(embedding, hidden_size + half), Argmax()
    decoder = seqae.AutoregressiveDecoder(
        encoder.code_size, writer, head, embedding, choice, condition_every_step=condition
    )
    return seqae.Autoencoder(encoder, decoder, length=seqae.LengthPredictor(encoder.code_size, max_length))


def tied_embedding(tokens: int, size: int) -> nn.Embedding:
    """Return vectors of tokens that are small enough for an output layer, too."""
    embedding = nn.Embedding(tokens, size)
    nn.init.normal_(embedding.weight, std=size**-0.5)
    return embedding


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    file: str = "",
    encoding: str = "utf-8",
    code_size: int = 512,
    max_length: int = 40,
    vocabulary_size: int = 4000,
    hidden_size: int = 256,
    epochs: int = 4,
    learning_rate: float = 3e-3,
    held_out: int = 2000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the autoencoders, compare them with principal components on held-out sentences, and show examples.

    Args:
        data_root: Folder that holds a folder for each set of sentences; without it they are synthetic.
        file: Your own sentences, one on a line, or a .csv or .jsonl file with a column text.
        encoding: Encoding of that file.
        code_size: Dimensions of the code of a sentence.
        max_length: Pieces of words in a sentence; longer ones are left out.
        vocabulary_size: Pieces of words to learn (byte pair encoding).
        hidden_size: Units of each network; of the two directions of an encoder together.
        epochs: Passes over the sentences.
        learning_rate: The highest learning rate; it rises and then falls to zero.
        held_out: Sentences for the test, at most a fifth of all.
        seed: Seed of the split, the weights and the order of batches.
        smoke: Only try whether it runs, on synthetic sentences.
        out: Folder for the results.
    """
    if smoke:
        data_root, file, code_size, max_length, vocabulary_size, hidden_size, held_out = "", "", 65, 24, 350, 16, 100
        epochs = 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    sentences, labelled = read_sentences(data_root, file, encoding, 1000 if smoke else 4000, seed)
    count = min(held_out, len(sentences) // 5)
    vocabulary = seqae.BytePairs(vocabulary_size).fit(sentences[count:])
    short = {text for text in sentences if len(vocabulary.encode(text)) <= max_length + 1}
    test, train = ([text for text in part if text in short] for part in (sentences[:count], sentences[count:]))
    print(f"data   {len(train)} + {len(test)} of {len(sentences)} sentences have at most {max_length} pieces of words")

    make = partial(seqae.SequenceAutoencoder, vocabulary=vocabulary, batch_size=64, validation_fraction=0.0)
    make = partial(make, epochs=epochs, learning_rate=learning_rate, verbose=True, random_state=seed)
    sizes = len(vocabulary), code_size, hidden_size, max_length + 1
    lstm, convolutions = make(build_lstm(*sizes)), make(build_convolutions(*sizes))
    known, tokens = ([vocabulary.encode(text) for text in part] for part in (train, test))
    scores, codes = {}, {}
    for name, model in {"LSTM": lstm, "convolutions": convolutions}.items():
        scores[name] = text_scores(vocabulary, model.fit(train).decode(model.encode(test)), test)
        nats = np.average(-model.score_samples(test), weights=[len(each) for each in tokens])
        scores[name]["bits per token"] = float(nats / np.log(2))  # the LSTM is told the tokens before
        if labelled:
            codes[name] = model.encode(list(labelled))
    components = OneHotComponents(code_size).fit(known)
    written = [vocabulary.decode(row.tolist()) for row in components.decode(components.encode(tokens))]
    scores["PCA"] = text_scores(vocabulary, written, test)
    scores["frequencies"] = {"bits per token": lstm.report_.mean_bits}  # of the training sentences
    if labelled:
        codes["PCA"] = components.encode([vocabulary.encode(text)[: max_length + 1] for text in labelled])
        documents = read_documents(data_root, list(labelled))
        codes["words around"] = context_codes(list(labelled), documents, code_size, seed)
        for name, each in codes.items():
            scores.setdefault(name, {})["sentiment"] = probe(each, np.array(list(labelled.values())))
    metrics = {f"{name}: {key}": value for name, line in scores.items() for key, value in line.items()}
    for name, model in {"lstm": lstm, "convolutions": convolutions}.items():
        run.write_text(f"examples_{name}.txt", examples(model, test[:10]))
        seqae.save_figure(seqae.loss_figure(model.history_), run.path(f"loss_{name}.png"))
        seqae.save(model, run.path(f"model_{name}"), metrics=metrics)
    run.finish([{"method": name, **line} for name, line in scores.items()], metrics)
    return metrics


if __name__ == "__main__":
    cli.run(main)
