"""Classify sentences with few labels, by an encoder that learnt without labels; with many labels that helps little.

Dai & Le 2015, https://arxiv.org/abs/1511.01432: a classifier starts better from an LSTM that has learnt to write texts.
A small LSTM learns best by predicting, from its code, the words of a sentence and its neighbours (Kiros et al. 2015,
https://arxiv.org/abs/1506.06726; Hill et al. 2016, https://aclanthology.org/N16-1162). Logistic regression on its codes
is compared with the same LSTM trained from scratch, with pretrained vectors of words and without, and bags of words.

    python recipes/text_pretraining/text_pretraining.py --data-root folder/with/rt_polarity [--labels 0]
    python recipes/text_pretraining/text_pretraining.py --file mine.csv --unlabelled sentences.txt
"""

import os
from pathlib import Path

import numpy as np
import torch
from few_label_baselines import BAGS_OF_WORDS, drawn, trained_on_labels
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

import seqae
from seqae import cli
from seqae.data import decontaminate, read_labelled, read_text_set, read_texts, synthetic_reviews
from seqae.modules import TiedHead, mean_over_time
from seqae.text import word_vectors
from seqae.training import BagOfWordsPrediction, ContextDataset

DATA = "rt_polarity, and movie_reviews without labels; your own files; or synthetic reviews"
QUICK = {"data_root": "", "labels": 50, "draws": 3}
Texts = tuple[list[str], np.ndarray, list[list[str]]]  # texts, classes, documents without labels


def build_encoder(embedding: nn.Embedding, hidden_size: int, dropout: float = 0.0) -> seqae.MeanMaxEncoder:
    """Return an LSTM over words, whose code holds the mean of the words, and mean and maximum of the states."""
    rnn = seqae.LSTM(embedding.embedding_dim, hidden_size)
    return seqae.MeanMaxEncoder(rnn, nn.Sequential(embedding, nn.Dropout(dropout)))


def pretrain(
    encoder: seqae.MeanMaxEncoder, embedding: nn.Embedding, documents: list[list[Tensor]], lr: float, seed: int
) -> list[float]:
    """Learn to write the words of each sentence and its neighbours from the mean state; return the losses."""
    dataset, head = ContextDataset(documents), TiedHead(embedding)
    with torch.no_grad():  # start from the frequencies of the words
        counts = torch.bincount(torch.cat(dataset.sentences), minlength=embedding.num_embeddings)
        head.bias.copy_(counts.clamp(min=1).log())
    writer = seqae.RecurrentEncoder(encoder.rnn, embedding.embedding_dim, encoder.embed, mean_over_time)
    task = BagOfWordsPrediction(writer, head, lr)
    return seqae.fit(task, seqae.make_loader(dataset, 64, seed), epochs=1).train


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    file: str = "",
    unlabelled: str = "",
    encoding: str = "utf-8",
    max_length: int = 40,
    vocabulary_size: int = 12_000,
    embedding_size: int = 200,
    hidden_size: int = 128,
    labels: int = 100,
    draws: int = 10,
    learning_rate: float = 4e-3,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Pretrain an encoder once, then classify test sentences with several draws of few labelled ones.

    Args:
        data_root: Folder that holds the folders rt_polarity and movie_reviews; without it reviews are synthetic.
        file: Your own labelled sentences in their place: a .csv, .tsv or .jsonl file with columns text and label.
        unlabelled: Your own sentences without labels, one on a line.
        encoding: Encoding of these files.
        max_length: Tokens of a sentence that are read, the last ones.
        vocabulary_size: Words that are known, the most frequent ones.
        embedding_size: Length of a word's vector.
        hidden_size: Units of the LSTM.
        labels: Labelled sentences in a draw; 0 takes all that are not in the test, in another order in each draw.
        draws: The number of random draws of labelled sentences.
        learning_rate: The highest learning rate of pretraining; it rises and then falls to zero.
        seed: Seed of the split, the draws, the weights and the order of batches.
        smoke: Only try whether it runs, on synthetic reviews.
        out: Folder for the results.
    """
    if smoke:
        data_root, file, unlabelled, embedding_size, hidden_size, labels, draws = "", "", "", 8, 8, 20, 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    texts, classes, pool = read(data_root, file, unlabelled, encoding, 300 if smoke else 2000)
    train, test, known, truths = train_test_split(texts, classes, test_size=0.2, stratify=classes, random_state=seed)
    documents = pool + [[text] for text in train]
    vocabulary = seqae.Vocabulary(seqae.WordTokenizer(lower=True), vocabulary_size)
    vocabulary.fit(text for document in documents for text in document)
    print(f"data   {len(train)} + {len(test)} labelled sentences, {sum(map(len, pool))} without labels from elsewhere")

    def tokens(sentences: list[str]) -> list[Tensor]:
        return [vocabulary.encode(text)[-max_length:] for text in sentences]

    sentences, shape = [tokens(document) for document in documents], (len(vocabulary), embedding_size)
    vectors = torch.from_numpy(word_vectors(sentences, *shape)).clamp(-6, 6) / 2
    embedding = nn.Embedding.from_pretrained(vectors, freeze=False)
    encoder = build_encoder(embedding, hidden_size)
    losses = pretrain(encoder, embedding, sentences, learning_rate, seed)
    codes, test_codes = seqae.encode(encoder, tokens(train)), seqae.encode(encoder, tokens(test))
    on_codes = make_pipeline(StandardScaler(), LogisticRegression(C=1 / encoder.code_size, max_iter=300))

    rows = []
    for draw in drawn(known, labels, draws, seed):
        few = [train[index] for index in draw]
        row = {"pretrained": on_codes.fit(codes[draw], known[draw]).score(test_codes, truths)}
        starts = {"pretrained words": 0.4 * embedding.weight.detach(), "from scratch": 0.1 * torch.randn(shape)}
        for name, words in starts.items():
            start = build_encoder(nn.Embedding.from_pretrained(words, freeze=False), hidden_size, dropout=0.5)
            answers = trained_on_labels(start, tokens(few), known[draw], tokens(test), seed + len(rows))
            row[name] = float((answers == truths).mean())
        row |= {name: model.fit(few, known[draw]).score(test, truths) for name, model in BAGS_OF_WORDS.items()}
        rows.append(row)

    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    results = [{"method": name, "accuracy": each.mean(), "deviation": each.std()} for name, each in columns.items()]
    seqae.save_figure(seqae.loss_figure({"pretraining": losses}), run.path("loss.png"))
    metrics = {name: float(each.mean()) for name, each in columns.items()}
    seqae.save({"model": encoder, "vocabulary": vocabulary}, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def read(data_root: str, file: str, unlabelled: str, encoding: str, synthetic: int) -> Texts:
    """Return different texts, the index of the class of each, and documents of other sentences without labels."""
    if file:
        texts, names = read_labelled(file, encoding)
        pool = read_texts(unlabelled, encoding) if unlabelled else []
    elif data_root:
        texts, names = read_text_set("rt_polarity", data_root)
        pool, _ = read_text_set("movie_reviews", data_root)
    else:
        texts, names = synthetic_reviews(synthetic)
        pool, _ = synthetic_reviews(synthetic, seed=1)
    known = dict(zip(texts, names))
    return list(known), np.unique(list(known.values()), return_inverse=True)[1], decontaminate(pool, texts)


if __name__ == "__main__":
    cli.run(main)
