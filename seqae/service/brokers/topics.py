"""Patterns of topics, which tell the machine and the channel that a message is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EXPRESSIONS = {  # what a level of a pattern matches
    "+": "[^/]*",
    "{machine}": "(?P<machine>[^/]+)",
    "{channel}": "(?P<channel>[^/]+)",
}
_REST = {"#": "(?:/.*)?", "{channel...}": "/(?P<channel>.+)"}  # at the end: all levels that are left


@dataclass(frozen=True)
class TopicPattern:
    """A pattern of topics such as `plant/{machine}/rows` or `plant/+/{machine}/{channel}`.

    `{machine}` and `{channel}` stand for a level of the topic, `{channel...}` at the end for all levels that are left,
    `+` for a level that tells nothing, and `#` at the end for all that are left and tell nothing.

    Attributes:
        pattern: The pattern.
        subscription: The topic to subscribe to.
        expression: Matches topics, and finds machine and channel in them.
    """

    pattern: str
    subscription: str
    expression: re.Pattern[str]

    @classmethod
    def of(cls, pattern: str) -> TopicPattern:
        """Return the pattern that a text describes.

        Raises:
            ValueError: It describes none.
        """
        levels = pattern.split("/")
        rest = levels.pop() if len(levels) > 1 and levels[-1] in _REST else ""
        for level in levels:
            if level not in _EXPRESSIONS and re.search(r"[{}+#\0]", level):
                raise ValueError(
                    f"the topic {pattern!r} has the level {level!r}. Expected {{machine}}, {{channel}}, + or plain "
                    "text, and # or {channel...} at the end, as in plant/+/{machine}/rows"
                )
        if not pattern or pattern.count("{machine") > 1 or pattern.count("{channel") > 1:
            raise ValueError(f"the topic {pattern!r}. Expected {{machine}} and {{channel}} once at most")
        subscribed = ["+" if level in _EXPRESSIONS else level for level in levels] + ["#"] * bool(rest)
        matched = "/".join(_EXPRESSIONS.get(level, re.escape(level)) for level in levels) + _REST.get(rest, "")
        return cls(pattern, "/".join(subscribed), re.compile(matched, re.DOTALL))

    @property
    def has_channels(self) -> bool:
        """Whether each channel has a topic of its own."""
        return "{channel" in self.pattern

    def parts(self, topic: str) -> tuple[str, str] | None:
        """Return the machine and the channel that a topic names, "" for none; None if the topic is another."""
        found = self.expression.fullmatch(topic)
        if found is None:
            return None
        names = found.groupdict()
        return names.get("machine", ""), names.get("channel", "")
