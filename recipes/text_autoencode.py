"""Encode sentences and write them again from their codes: LSTM and self-attention beside principal components.

Sutskever et al. 2014, https://arxiv.org/abs/1409.3215: one LSTM, here in both directions, reads the pieces of words of
a sentence into its last state; another one starts from that code and writes the sentence, each step reading the piece
before: the true one in training (teacher forcing), its own in use. Self-attention writes all pieces at once.

    python recipes/text_autoencode.py --data-root folder/with/sets
    python recipes/text_autoencode.py --file my_sentences.txt
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from torch import Tensor, nn

import seqae
from seqae import cli
from seqae.data import read_pair_set, read_text_set, read_texts, synthetic_reviews
from seqae.generation import interpolate
from seqae.modules import Argmax, TiedHead
from seqae.text import bleu, exact_match, token_accuracy

DATA = "English sentences of six public sets, your own, or synthetic reviews"
QUICK = {"data_root": "", "code_size": 64, "vocabulary_size": 350, "hidden_size": 128, "held_out": 200}


def build_model(tokens: int, code_size: int, hidden_size: int) -> seqae.Autoencoder:
    """Return an encoder that reads in both directions, and a decoder that reads what it has written."""
    half = hidden_size // 2
    embedding = nn.Embedding(tokens, half)
    nn.init.normal_(embedding.weight, std=half**-0.5)  # its vectors are the output layer's, too
    encoder = seqae.RecurrentEncoder(seqae.LSTM(half, half, bidirectional=True), code_size, embedding)
    writer, head = seqae.LSTM(half, hidden_size), TiedHead(embedding, hidden_size)
    return seqae.Autoencoder(encoder, seqae.AutoregressiveDecoder(code_size, writer, head, embedding, Argmax()))


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    file: str = "",
    encoding: str = "utf-8",
    code_size: int = 512,
    max_length: int = 50,
    vocabulary_size: int = 8000,
    hidden_size: int = 256,
    epochs: int = 4,
    learning_rate: float = 2e-3,
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
        learning_rate: The highest learning rate of the LSTM; it rises and then falls to zero.
        held_out: Sentences for the test, at most a fifth of all.
        seed: Seed of the split, the weights and the order of batches.
        smoke: Only try whether it runs, on synthetic sentences.
        out: Folder for the results.
    """
    if smoke:
        data_root, file, code_size, max_length, vocabulary_size, hidden_size, held_out = "", "", 32, 24, 350, 16, 100
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    sentences = read(data_root, file, encoding, 1000 if smoke else 4000, seed)
    count = min(held_out, len(sentences) // 5)
    vocabulary = seqae.BytePairs(vocabulary_size).fit(sentences[count:])
    short = {text for text in sentences if len(vocabulary.encode(text)) <= max_length + 1}
    test, train = ([text for text in part if text in short] for part in (sentences[:count], sentences[count:]))
    print(f"data   {len(train)} + {len(test)} of {len(sentences)} sentences have at most {max_length} pieces of words")
    make = partial(seqae.SequenceAutoencoder, vocabulary=vocabulary, batch_size=64, validation_fraction=0.0)
    make = partial(make, epochs=epochs, hidden_size=hidden_size, verbose=True, random_state=seed)
    lstm = make(build_model(len(vocabulary), code_size, hidden_size), learning_rate=learning_rate)
    known, tokens = ([vocabulary.encode(text) for text in part] for part in (train, test))
    scores = {}
    for name, model in {"LSTM": lstm, "attention": make("attention", code_size)}.items():
        scores[name] = text_scores(vocabulary, model.fit(train).decode(model.encode(test)), test)
        nats = np.average(-model.score_samples(test), weights=[len(each) for each in tokens])
        scores[name]["bits per token"] = float(nats / np.log(2))  # the LSTM is told the tokens before
    written = [vocabulary.decode(row.tolist()) for row in pca_of_one_hot(known, tokens, code_size)]
    scores["PCA"] = text_scores(vocabulary, written, test)
    scores["frequencies"] = {"bits per token": lstm.report_.mean_bits}  # of the training sentences
    metrics = {f"{name}: {key}": value for name, line in scores.items() for key, value in line.items()}
    run.write_text("examples.txt", examples(lstm, test[:10]))
    seqae.save_figure(seqae.loss_figure(lstm.history_), run.path("loss.png"))
    seqae.save(lstm, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **line} for name, line in scores.items()], metrics)
    return metrics


def read(data_root: str, file: str, encoding: str, synthetic: int, seed: int) -> list[str]:
    """Return different sentences in random order."""
    if file:
        texts = read_texts(file, encoding)
    elif data_root:
        sets, replies = ("rt_polarity", "sms_spam", "sentiment_sentences"), ("taskmaster4_coffee", "chatterbot_corpus")
        texts = [text for name in sets for text in read_text_set(name, data_root)[0]]
        texts += [text for _, text in read_pair_set("tatoeba_cmn_eng", data_root)]
        texts += [text for name in replies for pair in read_pair_set(name, data_root) for text in pair]
    else:
        texts, _ = synthetic_reviews(synthetic, seed)
    texts = list(dict.fromkeys(" ".join(text.split()) for text in texts))
    return [texts[index] for index in np.random.default_rng(seed).permutation(len(texts))]


def pca_of_one_hot(train: list[Tensor], test: list[Tensor], code_size: int, known: int = 1000) -> list[np.ndarray]:
    """Return test tokens restored from principal components of one-hot (position, token); rare tokens are one."""
    length = max(map(len, [*train, *test]))

    def one_hot(texts: list[Tensor]) -> csr_matrix:
        rows = np.repeat(np.arange(len(texts)), [len(tokens) for tokens in texts])
        columns = np.concatenate([np.arange(len(row)) * known + row.clamp(max=known - 1).numpy() for row in texts])
        return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(texts), length * known))

    components = TruncatedSVD(code_size, n_iter=2, random_state=0).fit(one_hot(train))
    codes = components.transform(one_hot(test))
    return [components.inverse_transform(code[None]).reshape(length, known).argmax(axis=1) for code in codes]


def text_scores(vocabulary: seqae.BytePairs, written: list[str], texts: list[str]) -> dict[str, float]:
    """Return how near restored texts come to the true ones, from 0 to 1."""
    restored, true = ([vocabulary.encode(text)[:-1].tolist() for text in part] for part in (written, texts))
    accuracy, texts = token_accuracy(restored, true), [vocabulary.decode(each) for each in true]
    return {"token accuracy": accuracy, "exact": exact_match(written, texts), "BLEU": bleu(written, texts)}


def examples(autoencoder: seqae.SequenceAutoencoder, texts: list[str]) -> str:
    """Return texts, each with itself restored, and what lies between the codes of the first two, as lines."""
    codes = autoencoder.encode(texts)
    lines = [line for text, restored in zip(texts, autoencoder.decode(codes)) for line in (text, f"    {restored}")]
    lines += ["", "Between the codes of the first two:", *autoencoder.decode(interpolate(codes[:1], codes[1:2], 6)[0])]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    cli.run(main)
