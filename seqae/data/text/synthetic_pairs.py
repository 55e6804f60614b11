"""Synthetic pairs of texts, so that the recipes on chat and translation run without data."""

from __future__ import annotations

import random

_THINGS = (  # Chinese, its measure word, English
    ("猫", "只", "cat"),
    ("狗", "只", "dog"),
    ("鸟", "只", "bird"),
    ("马", "匹", "horse"),
    ("孩子", "个", "kid"),
    ("老师", "个", "teacher"),
    ("朋友", "个", "friend"),
    ("苹果", "个", "apple"),
    ("书", "本", "book"),
    ("车", "辆", "car"),
)
_NUMBERS = (("一", "a"), ("两", "two"), ("三", "three"), ("十", "ten"))
_LOOKS = (("红", "red"), ("黑", "black"), ("大", "big"), ("小", "small"), ("旧", "old"), ("好", "good"))
_DOES = (("看见", "see"), ("喜欢", "like"), ("找到", "find"), ("想要", "want"), ("听见", "hear"))
_PLACES = (("花园里", "in the garden"), ("学校里", "at school"), ("街上", "on the street"), ("家里", "at home"))
_NAMES = ("anna", "ben", "carla", "david", "emma", "felix", "grace", "hugo", "ida", "jonas")
_DRINKS = ("tea", "coffee", "water", "milk", "juice", "cocoa", "lemonade", "soup")
_COUNTS = ("one", "two", "three", "four", "five", "six")
_SIZES = ("small", "large", "tall", "tiny")


def synthetic_translations(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return Chinese sentences, written without spaces, and their English translations.

    The place comes before the verb in Chinese and last in English; only Chinese has measure words.
    """
    rng = random.Random(seed)
    return [_sentence(rng) for _ in range(count)]


def synthetic_dialogues(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return sentences of guests of a small bar, and the replies, which repeat names and orders."""
    rng = random.Random(seed)
    return [rng.choice((_greeting, _order, _question, _thanks))(rng) for _ in range(count)]


def _sentence(rng: random.Random) -> tuple[str, str]:
    (who, who_english, is_one), (what, what_english, _) = _group(rng), _group(rng)
    does, does_english = rng.choice(_DOES)
    place, place_english = rng.choice(_PLACES)
    where, where_english = (f"在{place}", f" {place_english}") if rng.random() < 0.5 else ("", "")
    if rng.random() < 0.3:
        verb = f"{'does' if is_one else 'do'} not {does_english}"
        return f"{who}{where}不{does}{what}。", f"{who_english} {verb} {what_english}{where_english}."
    verb = does_english + ("s" if is_one else "")
    return f"{who}{where}{does}{what}。", f"{who_english} {verb} {what_english}{where_english}."


def _group(rng: random.Random) -> tuple[str, str, bool]:
    (thing, counter, english), (number, number_english) = rng.choice(_THINGS), rng.choice(_NUMBERS)
    look, look_english = rng.choice((*_LOOKS, ("", "")))
    words = [number_english, look_english, english if number_english == "a" else f"{english}s"]
    if words[0] == "a" and (look_english or english)[0] in "aeiou":
        words[0] = "an"
    return f"{number}{counter}{look}{thing}", " ".join(word for word in words if word), number_english == "a"


def _greeting(rng: random.Random) -> tuple[str, str]:
    name, hello = rng.choice(_NAMES), rng.choice(("hello", "hi", "good morning"))
    return f"{hello}, i am {name}.", f"{hello}, {name}! what would you like?"


def _order(rng: random.Random) -> tuple[str, str]:
    count, size, drink = rng.choice(_COUNTS), rng.choice(_SIZES), rng.choice(_DRINKS)
    asked = rng.choice(("can i have", "i would like", "please bring me"))
    cups = "cup" if count == "one" else "cups"
    return f"{asked} {count} {size} {cups} of {drink}.", f"{count} {size} {cups} of {drink}, is that right?"


def _question(rng: random.Random) -> tuple[str, str]:
    drink, size = rng.choice(_DRINKS), rng.choice(_SIZES)
    price = _COUNTS[(_DRINKS.index(drink) + _SIZES.index(size)) % len(_COUNTS)]
    return f"how much is a {size} {drink}?", f"a {size} {drink} is {price} pounds."


def _thanks(rng: random.Random) -> tuple[str, str]:
    thanks, name = rng.choice(("thank you", "yes, that is right", "great")), rng.choice(_NAMES)
    return f"{thanks}, it is for {name}.", f"good, it will be ready soon, {name}."
