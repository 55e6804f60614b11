"""Translate sentences: a sequence of one script and length in, a sequence of another script and length out.

A recurrent encoder and decoder with attention: Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473, in the form of
Luong et al. 2015, https://arxiv.org/abs/1508.04025. It reads characters and writes words.

    python recipes/text_translate.py --data-root folder/with/tatoeba_cmn_eng
    python recipes/text_translate.py --pairs my-pairs.tsv --source-words

Beside it: a dictionary learnt from the same pairs, word by word, and the translation of the most similar sentence that
was learnt from. No sentence, of either side, stands both in training and test. Capital letters do not count. Without
data it makes up Chinese sentences and their translations.
"""

import os
from pathlib import Path

from seqae import cli

DATA = "Tatoeba, Chinese and English; your own pairs; or made-up ones"
MINUTES = 10
RESULT = "Tatoeba, Chinese to English: BLEU 27.7, chrF 45.1; most similar sentence 12.9, 32.3; word by word 3.3, 31.4"
SHOWN, LOOKS = 40, 3  # sentences in the report, and maps of attention


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    pairs: str = "",
    encoding: str = "utf-8",
    source_words: bool = False,
    hidden_size: int = 128,
    dropout: float = 0.2,
    smoothing: float = 0.1,
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    width: int = 5,
    held_out: int = 2000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn to translate, and compare with a dictionary and with similar sentences.

    Args:
        data_root: Folder that holds the folder tatoeba_cmn_eng; made up if empty.
        pairs: A file of your own, a sentence, a tab and its translation in each line; or .csv, .jsonl with the
            columns source and target.
        encoding: Of that file.
        source_words: Read words, not characters.
        hidden_size: Length of a word's vector, and units of the encoder in each direction; the decoder has twice that.
        dropout: Share of numbers that training leaves out.
        smoothing: Share of probability that training gives to other words than the right one.
        epochs: Passes over the training pairs.
        batch_size: Pairs in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        width: Translations that are written side by side, of which the best is kept.
        held_out: Pairs for the test; half as many choose the epoch.
        seed: Of split, weights and order.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch
    from ibm_model1 import WordByWord
    from replies import NearestReply

    import seqae
    from seqae.data.text.files import read_pairs
    from seqae.data.text.pair_sets import read_pair_set
    from seqae.data.text.synthetic_pairs import synthetic_translations
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.pairs import encoded_pairs, split_pairs
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.attention import attention_figure
    from seqae.report.html.texts import TextsPage, write_texts_page
    from seqae.report.run import Run
    from seqae.seq2seq.decoding import BeamSearch, GreedySearch
    from seqae.seq2seq.models import attention_seq2seq
    from seqae.seq2seq.translator import Translator
    from seqae.text.metrics import bleu, chrf, exact_match
    from seqae.text.tokenizers import CharacterTokenizer, WordTokenizer
    from seqae.text.vocabulary import Vocabulary
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.seq2seq import SequenceToSequence

    if smoke:
        hidden_size, epochs = 16, 2
    seqae.configure_runtime()
    settings = dict(data_root=data_root, pairs=pairs, hidden_size=hidden_size, dropout=dropout, smoothing=smoothing)
    settings |= dict(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, width=width, seed=seed)
    run = Run("text_translate", out, settings)
    if pairs:
        known = read_pairs(pairs, encoding)
    elif data_root and not smoke:
        known = read_pair_set("tatoeba_cmn_eng", data_root)
    else:
        known = synthetic_translations(200 if smoke else 6000, seed)
    known = [(source, target.lower()) for source, target in known]
    share = min(held_out / len(known), 0.2)
    train, valid, test = split_pairs(known, (1 - 1.5 * share, share / 2, share), seed)
    reads = Vocabulary(WordTokenizer(lower=True) if source_words else CharacterTokenizer(), min_frequency=2).fit(
        pair[0] for pair in train
    )
    writes = Vocabulary(WordTokenizer(), min_frequency=2).fit(pair[1] for pair in train)
    said = f"{len(train)} + {len(valid)} + {len(test)} pairs; reads {len(reads)} tokens, writes {len(writes)}"
    print(f"data   {said}")

    torch.manual_seed(seed)
    model = attention_seq2seq(len(reads), len(writes), hidden_size, hidden_size, dropout)
    learnt, chosen = (encoded_pairs(part, reads, writes) for part in (train, valid))
    history = seqae.fit(
        SequenceToSequence(model, smoothing, learning_rate, cosine_with_warmup),
        DataLoader(learnt, LengthBucketSampler(learnt.lengths, batch_size, seed)),
        DataLoader(chosen, LengthBucketSampler(chosen.lengths, batch_size, shuffle=False)),
        epochs=epochs,
        patience=epochs,
    )
    translator = Translator(reads, writes, model, max_length=2 * int(learnt.targets.lengths.max()))

    sources, truths = [pair[0] for pair in test], [pair[1] for pair in test]
    similar = NearestReply().fit([reads.tokenizer.split(pair[0]) for pair in train], [pair[1] for pair in train])
    words = WordByWord().fit([(reads.encode(first)[:-1], writes.encode(second)[:-1]) for first, second in train])
    found = {
        "attention, beam": translator.translate(sources, BeamSearch(width)),
        "attention, greedy": translator.translate(sources, GreedySearch()),
        "most similar sentence": [similar.reply(reads.tokenizer.split(source)) for source in sources],
        "word by word": [writes.decode(words.translate(reads.encode(source)[:-1])) for source in sources],
    }
    results = [
        {"method": name, "BLEU": bleu(texts, truths), "chrF": chrf(texts, truths), "exact": exact_match(texts, truths)}
        for name, texts in found.items()
    ]
    metrics = {f"{line['method']}: {key}": line[key] for line in results for key in ("BLEU", "chrF", "exact")}

    every = max(len(test) // SHOWN, 1)  # files are often sorted by length
    shown = list(zip(*(texts[::every] for texts in (sources, truths, *found.values()))))
    looks = [translator.attention_weights(row[0], row[2]) for row in shown[:: max(len(shown) // LOOKS, 1)][:LOOKS]]
    rows = [("source", "truth", *found), *shown]
    page = TextsPage("Translation", [said], results, {"Sentences of the test": rows}, looks)
    write_texts_page(page, run.path("report.html"))
    save_figure(attention_figure(looks, "Where it looked while it wrote"), run.path("attention.png"))
    save_figure(loss_figure({"train, smoothed": history.train, "valid": history.valid}), run.path("loss.png"))
    seqae.save(translator, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


if __name__ == "__main__":
    cli.run(main)
