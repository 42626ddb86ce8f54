"""Changes JSON as JSON: bytes changed at random are mostly no JSON any more, and get no further than the decoder."""

import json
import random
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**31, 2**53, 2**63, 2**64, 10**400, 1e308, [], {}, [[]], [None], {"": ""}, ""),
    *("0", "-0", "1e999", "NaN", "9" * 20, "\u0661", "\u00b2", "\ud83d", "\udc00\ud800", "\x00", "a\u0301", "x" * 300),
    *("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "ann@example.com", ";", "a;b"),
)
_DEEP = "\x01deep"  # stands for lists in lists, as many as no encoder of Python takes


def mutated(data: bytes, seed: int) -> bytes:
    """Change some places of the JSON that begins at the first bracket; other bytes stay. Empty if there is none."""
    starts = [at for at in (data.find(b"["), data.find(b"{")) if at >= 0]
    start = min(starts, default=0)
    try:
        tree = json.loads(data[start:].decode())
    except (ValueError, RecursionError):
        return b""
    chance = random.Random(seed)
    box = [tree]
    try:
        for _ in range(chance.choice((1, 1, 2, 4))):
            _change(box, chance)
        text = json.dumps(box[0], ensure_ascii=chance.random() < 0.9, separators=(",", ":"))
    except RecursionError:
        return b""
    depth = chance.choice((1, 100, 600, 1100, 3000))
    text = text.replace(json.dumps(_DEEP), "[" * depth + "]" * depth)
    return data[:start] + text.encode(errors="surrogatepass")


def _change(tree: Any, chance: random.Random) -> None:
    """Walk down at random, and change the place that is reached."""
    while True:
        places = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not places:
            return
        place = chance.choice(places)
        inner = tree[place]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.8:
            tree = inner
            continue
        _change_at(tree, place, chance)
        return


def _change_at(tree: Any, place: Any, chance: random.Random) -> None:
    match chance.randrange(6):
        case 0 if isinstance(tree, dict):
            tree[chance.choice(("id", "properties", "status", "message", "results", "x"))] = tree.pop(place)
        case 1 if len(tree) > 1:
            del tree[place]
        case 2:
            tree[place] = [tree[place]] * chance.choice((2, 3, 50))
        case 3:
            tree[place] = chance.choice((_DEEP, [tree[place]], {"x": tree[place]}, str(tree[place])))
        case _:
            tree[place] = deepcopy(chance.choice(ODD))
