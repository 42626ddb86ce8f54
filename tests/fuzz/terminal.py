"""What the command line shows of values that people and CRMs made up."""

import json
import unicodedata

from leadsync_cli.terminal import json_text, shown, shown_lines

from fuzz.target import Target, text_of

_MOVING = {"Cc", "Cs", "Zl", "Zp"}  # categories of characters that move a cursor, end a line or are half of one
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # the direction of text


def terminal(data: bytes) -> None:
    """Nothing that is shown moves the cursor or turns the text, and JSON means the same to a program."""
    text = text_of(data) + data.decode("utf-8", "surrogateescape")
    for line in (shown(text), *shown_lines(text).split("\n"), json_text(text)):
        assert not {unicodedata.category(one) for one in line} & _MOVING
        assert not {unicodedata.bidirectional(one) for one in line} & _TURNING
        assert len(line) <= 6 * len(text) + 2
    assert json.loads(json_text({text: [text]}, indent=2)) == {text: [text]}


TARGETS = (Target(terminal),)
