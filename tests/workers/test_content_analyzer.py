"""content_analyzer on real texts, on bad input, and with a model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from worker_fakes import SAMPLES, ScriptedEngine
from worker_texts import TEXTS

from workers.content_analyzer.handler import handle
from workers.content_analyzer.readability import readability
from workers.content_analyzer.summary import summarize
from workers.engines import Unusable
from workers.engines.text.language import Language
from workers.engines.text.sentences import split_sentences, words
from workers.runtime import BadInput, Context

Make = Callable[..., Context]
FORMULAS = {"en": "Flesch reading ease", "de": "Amstad", "fr": "Kandel", "ru": "Oborneva"}


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_each_language_gets_counts_keywords_summary_and_topics_from_its_text(code: str, context: Make):
    result = handle({"text": TEXTS[code], "summary_sentences": 2, "max_keywords": 4}, context())
    text = " ".join(TEXTS[code].split())
    flat = text.replace(" ", "")
    assert result["language"]["code"] == code
    assert result["counts"]["sentences"] == len(split_sentences([text]))
    assert result["counts"]["words"] > 30
    assert 0 < result["reading_minutes"] < 2
    assert 0 < len(result["keywords"]) <= 4
    assert len(result["summary"]) == 2
    assert all(sentence.replace(" ", "") in flat for sentence in result["summary"])
    assert all(term.casefold() in text.casefold() for topic in result["topics"] for term in topic["terms"])
    assert result["topics"]
    assert result["engine"].startswith("offline:yake-")
    json.dumps(result)


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_readability_names_its_formula_or_says_why_there_is_none(code: str, context: Make):
    result = handle({"text": TEXTS[code]}, context())
    if code in FORMULAS:
        assert FORMULAS[code] in result["readability"]["formula"]
    else:
        assert result["readability"] is None
        assert any(code in note for note in result["notes"])


def test_flesch_gives_the_figure_worked_out_by_hand():
    # 6 words, 6 syllables, 1 sentence, five times: 206.835 - 1.015 * 6 - 84.6 * 1
    found = readability(words("The cat sat on the mat. " * 5), 5, "en")
    assert found and found.score == pytest.approx(116.1, abs=0.1)
    assert found.level == "very easy"


def test_lix_gives_the_figure_worked_out_by_hand():
    # 10 words a sentence, 2 of 10 longer than six letters: 10 + 20
    sentence = "katten sitter gärna länge under fönstret och tittar på fåglarna. "
    found = readability(words(sentence * 4), 4, "sv")
    assert found and "LIX" in found.formula
    assert found.score == pytest.approx(10 + 100 * 2 / 10, abs=0.1)


def test_hard_english_scores_lower_than_easy_english():
    hard = (
        "Institutional considerations notwithstanding, organizational accountability necessitates documentation. " * 5
    )
    easy = "The dog ran to the door. It was glad to see us. We went for a long walk. " * 3
    scores = [readability(words(text), text.count("."), "en") for text in (hard, easy)]
    assert scores[0] and scores[1] and scores[0].score < 30 < scores[1].score


def test_the_sample_article_is_about_lighthouses(context: Make):
    result = handle({"key": "it"}, context((SAMPLES / "content_analyzer" / "article.txt").read_bytes()))
    assert result["keywords"][0]["term"] == "lighthouse"
    assert result["counts"]["paragraphs"] == 6
    assert any("Fresnel" in topic["terms"] for topic in result["topics"])


def test_html_is_analyzed_without_its_navigation(context: Make):
    result = handle({"key": "it"}, context((SAMPLES / "meta_desc_generator" / "page.html").read_bytes()))
    assert result["keywords"][0]["term"] == "Rye bread"
    assert not any("newsletter" in sentence for sentence in result["summary"])


def test_a_summary_neither_asks_nor_repeats_itself():
    said = "Rye bread is baked slowly in a stone oven."
    sentences = [said, "How is rye bread baked in an oven?", said, "The stone oven is heated with beech wood.", "Why"]
    assert summarize(sentences, Language("en", 1.0), 2) == [said, "The stone oven is heated with beech wood."]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"   \n ", "empty"),
        (bytes(range(256)) * 9, "binary"),
        (b"%PDF-1.4", "PDF"),
        (b"<html><body><script>x()</script></body></html>", "no readable text"),
        (b"<html><body><img src=a.png></body></html>", "no readable text"),
        (b"12345 67890", "no words"),
        (b"x" * (5 * 1024**2 + 1), "larger"),
    ],
)
def test_input_without_text_is_refused_with_the_reason(data: bytes, reason: str, context: Make):
    with pytest.raises(BadInput, match=reason):
        handle({"key": "it"}, context(data))


def test_a_missing_object_is_refused(context: Make):
    with pytest.raises(BadInput, match="nowhere"):
        handle({"key": "nowhere"}, context())


@pytest.mark.parametrize("text", ["Hi", "日本", "مرحبا", "Ünïcödé wörds", "a b c d e f g", "no end mark here"])
def test_a_few_words_are_enough_not_to_fail(text: str, context: Make):
    result = handle({"text": text}, context())
    assert result["summary"] == [text]
    assert result["readability"] is None


def test_half_a_surrogate_pair_does_not_end_up_in_the_result(context: Make):
    result = handle({"text": "Rye bread \ud800 is baked here."}, context())
    assert result["summary"] == ["Rye bread ? is baked here."]


def test_a_long_text_is_done_in_seconds_and_says_what_was_left_out(context: Make):
    long = "\n\n".join(f"{TEXTS['en']} This is part number {part} of the story." for part in range(900))
    start = time.process_time()
    result = handle({"key": "it"}, context(long.encode()))
    assert time.process_time() - start < 15
    assert result["counts"]["paragraphs"] == 900
    assert any("first" in note for note in result["notes"])


# ── with a model ──────────────────────────────────────────────────────────────


def answer(**fields: Any) -> str:
    good = {
        "summary": ["Rye bread takes a week."],
        "keywords": ["rye bread", "sour dough"],
        "topics": [{"label": "Baking", "terms": ["stone oven"]}],
    }
    return json.dumps(good | fields)


def test_a_model_writes_summary_keywords_and_topics_and_the_rest_is_counted(context: Make):
    engine = ScriptedEngine([answer()])
    result = handle({"text": TEXTS["en"]}, context(engine=engine))
    assert result["engine"] == "scripted:model"
    assert result["summary"] == ["Rye bread takes a week."]
    assert result["keywords"] == [{"term": "rye bread"}, {"term": "sour dough"}]
    assert result["topics"] == [{"label": "Baking", "terms": ["stone oven"], "share": 0.33}]
    assert result["counts"]["sentences"] == 6
    assert "sour dough that is fed" in engine.asked[0].prompt


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"summary": ["a", "b", "c", "d"]}, "summary must hold 1 to 3"),
        ({"summary": ["x" * 401]}, "each entry of summary"),
        ({"keywords": []}, "keywords must hold 1 to 10"),
        ({"topics": [{"label": str(i), "terms": []} for i in range(6)]}, "topics must hold 1 to 5"),
    ],
)
def test_a_model_that_goes_over_a_limit_is_told_and_repaired(fields: dict[str, Any], told: str, context: Make):
    engine = ScriptedEngine([answer(**fields), answer()])
    handle({"text": TEXTS["en"]}, context(engine=engine))
    assert told in engine.asked[1].prompt


def test_a_model_that_stays_unusable_fails_the_attempt_and_is_not_replaced(context: Make):
    with pytest.raises(Unusable):
        handle({"text": TEXTS["en"]}, context(engine=ScriptedEngine(["nonsense", "nonsense"])))
