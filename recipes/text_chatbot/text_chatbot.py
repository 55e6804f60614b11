"""Talk: learn what to reply from pairs of what was said and what was answered.

Vinyals & Le 2015, https://arxiv.org/abs/1506.05869, with attention (Luong et al. 2015, https://arxiv.org/abs/1508.04025).

    python recipes/text_chatbot.py --data-root folder/with/taskmaster4_coffee --chat
    python recipes/text_chatbot.py --pairs my-pairs.tsv --prompts "hello" "how are you?"
    python recipes/text_chatbot.py --model runs/text_chatbot/latest/model --chat

Held-out replies are judged by perplexity, beside models that count words and know nothing of what was said, and by
their words, beside the reply to the most similar text. No text that was said, and no reply, stands both in training and
test, which is harder than what is usual. Replies that are empty, run in circles, or are always the same are counted.
Without data it makes up guests of a small bar.
"""

import os
from pathlib import Path

from seqae import cli

DATA = "Taskmaster-4 (coffee orders), the ChatterBot corpus; your own pairs; or made-up ones"
MINUTES = 5
RESULT = "Taskmaster-4, new prompts: perplexity 6.3, BLEU .139; three words 9.0; most similar text .112"
SHOWN = 40  # texts of the test in the report
PROMPTS = ("hello", "a large latte with oat milk, please", "yes, that's right", "thank you", "what teas do you have?")


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "taskmaster4_coffee",
    pairs: str = "",
    encoding: str = "utf-8",
    hidden_size: int = 128,
    dropout: float = 0.4,
    smoothing: float = 0.0,
    epochs: int = 15,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    width: int = 5,
    block: int = 3,
    held_out: int = 800,
    prompts: tuple[str, ...] = PROMPTS,
    chat: bool = False,
    model: str = "",
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn to reply, compare with other ways to, and talk.

    Args:
        data_root: Folder that holds a folder for each data set; made up if empty.
        dataset: One of taskmaster4_coffee, chatterbot_corpus.
        pairs: A file of your own, what is said, a tab and the reply in each line; or .csv, .jsonl with the columns
            source and target.
        encoding: Of that file.
        hidden_size: Length of a word's vector, and units of the encoder in each direction; the decoder has twice that.
        dropout: Share of numbers that training leaves out.
        smoothing: Share of probability that training gives to other words than the right one.
        epochs: Passes over the training pairs.
        batch_size: Pairs in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        width: Replies that are written side by side, of which the best is kept.
        block: No run of so many words comes twice in a reply; 0 allows it.
        held_out: Pairs for the test, at most a fifth; half as many choose the epoch.
        prompts: What else to reply to, in the report.
        chat: Talk when training is done.
        model: A folder with a model of before, to talk with without training.
        seed: Of split, weights and order.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import numpy as np
    import torch
    from ngrams import Ngrams
    from replies import NearestReply, faults, overlap

    import seqae
    from seqae.data.text.files import read_pairs
    from seqae.data.text.pair_sets import read_pair_set
    from seqae.data.text.synthetic_pairs import synthetic_dialogues as made_replies
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.pairs import encoded_pairs, split_pairs
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.report import loss_figure, save_figure
    from seqae.report.html.texts import TextsPage, write_texts_page
    from seqae.report.run import Run
    from seqae.seq2seq.decoding import BeamSearch, GreedySearch, TokenSampling
    from seqae.seq2seq.models import attention_seq2seq
    from seqae.seq2seq.translator import Translator
    from seqae.text.metrics import bleu, distinct, perplexity
    from seqae.text.tokenizers import WordTokenizer
    from seqae.text.vocabulary import Vocabulary
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.seq2seq import SequenceToSequence

    if model:
        talk(seqae.load(model), BeamSearch(width, no_repeat_ngram_size=block))
        return {}
    if smoke:
        hidden_size, epochs = 16, 2
    seqae.configure_runtime(threads=1)
    settings = dict(data_root=data_root, dataset=dataset, pairs=pairs, hidden_size=hidden_size, dropout=dropout)
    settings |= dict(smoothing=smoothing, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    run = Run("text_chatbot", out, settings | dict(width=width, block=block, seed=seed))
    if pairs:
        known = read_pairs(pairs, encoding)
    elif data_root and not smoke:
        known = read_pair_set(dataset, data_root)
    else:
        known = made_replies(300 if smoke else 4000, seed)
    words = WordTokenizer(lower=True)
    share = min(held_out / len(known), 0.2)
    train, valid, test = split_pairs(known, (1 - 1.5 * share, share / 2, share), seed)
    reads, writes = (Vocabulary(words, min_frequency=2).fit(pair[side] for pair in train) for side in (0, 1))
    size = f"{len(train)} + {len(valid)} + {len(test)} pairs; reads {len(reads)} words, writes {len(writes)}"
    print(f"data   {size}")

    torch.manual_seed(seed)
    network = attention_seq2seq(len(reads), len(writes), hidden_size, hidden_size, dropout)
    learnt, chosen = (encoded_pairs(part, reads, writes) for part in (train, valid))
    history = seqae.fit(
        SequenceToSequence(network, smoothing, learning_rate, cosine_with_warmup),
        DataLoader(learnt, LengthBucketSampler(learnt.lengths, batch_size, seed)),
        DataLoader(chosen, LengthBucketSampler(chosen.lengths, batch_size, shuffle=False)),
        epochs=epochs,
        patience=epochs,
    )
    translator = Translator(reads, writes, network, max_length=2 * int(learnt.targets.lengths.max()))

    said, truths = [pair[0] for pair in test], [words.join(words.split(pair[1])) for pair in test]
    similar = NearestReply().fit([words.split(pair[0]) for pair in train], [pair[1] for pair in train])
    found = {
        "attention, beam": translator.translate(said, BeamSearch(width, no_repeat_ngram_size=block)),
        "attention, greedy": translator.translate(said, GreedySearch()),
        "attention, sampled": translator.translate(said, TokenSampling(0.7, top_p=0.9, seed=seed)),
        "most similar text": [words.join(words.split(similar.reply(words.split(text)))) for text in said],
        "true replies": truths,
    }
    tokens = [[writes.encode(reply).tolist() for _, reply in part] for part in (train, test)]
    doubt = {"attention, beam": perplexity(np.concatenate(translator.errors(test)))}
    for name, order in (("words alone", 1), ("three words", 3)):
        counted = Ngrams(len(writes), order).fit(tokens[0])
        doubt[name] = perplexity(-np.concatenate([counted.log_probabilities(reply) for reply in tokens[1]]))
    results = []
    for name in [*found, "three words", "words alone"]:
        line = dict.fromkeys(("perplexity", "BLEU", "F1", "distinct-2", "empty", "looping", "commonest"))
        line["perplexity"] = doubt.get(name)
        if name in found:
            cut = [words.split(reply) for reply in found[name]]
            line["BLEU"], line["distinct-2"] = bleu(found[name], truths), distinct(cut, 2)
            line["F1"] = float(np.mean([overlap(*pair) for pair in zip(cut, map(words.split, truths))]))
            wrong = faults(cut)
            line |= dict(empty=wrong.empty, looping=wrong.looping, commonest=wrong.commonest)
        results.append({"method": name, **line})
    metrics = {
        f"{line['method']}: {key}": value for line in results for key, value in line.items() if isinstance(value, float)
    }
    wrong = f"replies by beams: {faults([words.split(reply) for reply in found['attention, beam']])}"
    print(f"faults {wrong}")

    asked = list(zip(prompts, translator.translate(prompts, BeamSearch(width, no_repeat_ngram_size=block))))
    ways = [name for name in found if name != "true replies"]
    rows = [("said", "true reply", *ways), *zip(said[:SHOWN], truths, *(found[name] for name in ways))]
    texts = {"Replies to prompts": [("said", "reply"), *asked], "Replies to texts of the test": rows}
    write_texts_page(TextsPage("Chatbot", [size, wrong], results, texts), run.path("report.html"))
    save_figure(loss_figure({"train": history.train, "valid": history.valid}), run.path("loss.png"))
    seqae.save(translator, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    if chat:
        talk(translator, BeamSearch(width, no_repeat_ngram_size=block))
    return metrics


def talk(translator, choose) -> None:
    """Reply to what is typed until a line is empty; say what is wrong with a reply, and try another."""
    from replies import is_looping

    from seqae.seq2seq.decoding import TokenSampling
    from seqae.text.tokenizers import WordTokenizer

    print("say something; an empty line ends the talk")
    before = ""
    while line := _typed():
        if unknown := translator.source_vocabulary.unknown(line):
            print(f"     (words that it does not know: {', '.join(unknown)})")
        reply = translator.translate([line], choose)[0]
        if not reply or reply == before or is_looping(WordTokenizer().split(reply)):
            what = "the same again" if reply and reply == before else "the same in circles" if reply else "nothing"
            reply = translator.translate([line], TokenSampling(top_p=0.9, seed=len(before)))[0]
            print(f"     (it had {what} to say: this is drawn by chance)")
        print(f"bot  {reply}")
        before = reply


def _typed() -> str:
    try:
        return input("you  ").strip()
    except EOFError:
        return ""


if __name__ == "__main__":
    cli.run(main)
