"""Chat with a model that text_chatbot.py has trained.

python recipes/text_chatbot/chat.py runs/text_chatbot/latest/model
"""

from pathlib import Path

from replies import is_looping

import seqae
from seqae import cli


def main(model: Path, beams: int = 5, no_repeat_ngram_size: int = 3) -> None:
    """Load a model and reply to typed lines.

    Args:
        model: Folder of the model.
        beams: The width of beam search: the number of candidate replies.
        no_repeat_ngram_size: No run of so many words comes twice in a reply; 0 allows it.
    """
    talk(seqae.load(model), seqae.BeamSearch(beams, no_repeat_ngram_size=no_repeat_ngram_size))


def talk(translator: seqae.Translator, strategy: seqae.BeamSearch) -> None:
    """Reply to typed lines until one is empty; if a reply is degenerate, print why and draw another one."""
    print("say something; an empty line ends the talk")
    before = ""
    while line := typed():
        if unknown := translator.source_vocabulary.unknown(line):
            print(f"     (unknown words: {', '.join(unknown)})")
        reply = translator.translate([line], strategy)[0]
        if fault := fault_of(reply, before):
            print(f"     (the best reply {fault}; this one is drawn at random)")
            reply = translator.translate([line], seqae.TokenSampling(top_p=0.9, seed=len(before)))[0]
        print(f"bot  {reply}")
        before = reply


def fault_of(reply: str, before: str) -> str:
    """Return the fault of a reply, empty if there is none."""
    if not reply:
        return "is empty"
    if reply == before:
        return "is the one before"
    return "repeats itself" if is_looping(seqae.WordTokenizer().split(reply)) else ""


def typed() -> str:
    """Return the next line, empty at the end of the input."""
    try:
        return input("you  ").strip()
    except EOFError:
        return ""


if __name__ == "__main__":
    cli.run(main)
