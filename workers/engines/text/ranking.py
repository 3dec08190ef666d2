"""How central each sentence of a text is: LexRank (Erkan and Radev, 2004) on word or character-pair overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from workers.engines.text.language import Language
from workers.engines.text.sentences import words

if TYPE_CHECKING:
    import numpy as np

MOST = 400  # sentences compared with each other; the time grows with the square
DAMPING = 0.85
ROUNDS = 50


def centrality(sentences: Sequence[str], language: Language) -> np.ndarray:
    """One score a sentence; they sum to 1. At most MOST sentences."""
    import numpy as np

    bags = [Counter(_terms(sentence, language)) for sentence in sentences]
    spread = Counter(term for bag in bags for term in bag)
    index = {term: column for column, term in enumerate(spread)}
    vectors = np.zeros((len(bags), len(index)), dtype=np.float32)
    for row, bag in enumerate(bags):
        for term, count in bag.items():
            vectors[row, index[term]] = count * np.log((1 + len(bags)) / spread[term])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths == 0, 1, lengths)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, 0)
    totals = similarity.sum(axis=1, keepdims=True)
    count = max(len(bags), 1)
    links = np.where(totals == 0, 1 / count, similarity / np.where(totals == 0, 1, totals))
    scores = np.full(len(bags), 1 / count)
    for _ in range(ROUNDS):
        scores = (1 - DAMPING) / count + DAMPING * (links.T @ scores)
    return scores


def _terms(sentence: str, language: Language) -> list[str]:
    if language.spaceless:
        letters = [character for character in sentence if character.isalnum()]
        return ["".join(pair) for pair in pairwise(letters)]
    return [word.casefold() for word in words(sentence)]
