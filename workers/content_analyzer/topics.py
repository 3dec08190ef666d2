"""What a text is about: keywords that occur together form a topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from workers.engines.text.keywords import Keyword

MOST = 5
MOST_TERMS = 6  # of one topic


@dataclass(frozen=True)
class Topic:
    """label: its best keyword. share: of the sentences that name one of its terms, 0–1."""

    label: str
    terms: list[str]
    share: float


def find_topics(sentences: Sequence[str], keywords: Sequence[Keyword]) -> list[Topic]:
    """At most five topics, the one with the largest share first: communities (Louvain) of co-occurring keywords."""
    import networkx as nx

    names = [keyword.term for keyword in keywords]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(names)))
    for sentence in sentences:
        text = sentence.casefold()
        for pair in combinations([i for i, name in enumerate(names) if name.casefold() in text], 2):
            weight = graph.get_edge_data(*pair, default={"weight": 0})["weight"]
            graph.add_edge(*pair, weight=weight + 1)
    if not names:
        return []
    groups = nx.community.louvain_communities(graph, weight="weight", seed=0)
    topics = [topic([names[i] for i in sorted(group)], sentences) for group in groups]
    # What is named in one sentence only is no topic of the text, unless nothing is named twice.
    topics = [one for one in topics if _mentions([one.label], sentences) > 1] or topics[:1]
    return sorted(topics, key=lambda topic: (-topic.share, names.index(topic.label)))[:MOST]


def topic(terms: Sequence[str], sentences: Sequence[str]) -> Topic:
    """terms: best first."""
    share = _mentions(terms, sentences) / max(len(sentences), 1)
    return Topic(terms[0], list(terms[:MOST_TERMS]), round(share, 2))


def _mentions(terms: Sequence[str], sentences: Sequence[str]) -> int:
    """How many sentences name one of the terms."""
    folded = [term.casefold() for term in terms]
    return sum(any(term in sentence.casefold() for term in folded) for sentence in sentences)
