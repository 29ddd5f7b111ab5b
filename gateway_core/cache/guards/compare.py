"""Whether an answer to one prompt may be served for another. Cosine cannot tell: the guards compare what is said.

Two prompts pass only if they are the same language, kind of question and negation, name the same facts, and say the
same words (up to endings and a short list of synonyms) in the same order; only whole phrases about a fact ("from A",
"on Monday") may change places. Opposites (add/remove, before/after, "A to B") differ because no table makes them equal.
"""

from __future__ import annotations

from gateway_core.cache.guards.reading import Phrase, Reading, read

__all__ = ["Reading", "read", "why_not"]


def why_not(asked: Reading, stored: Reading) -> str:
    """Why the stored prompt's answer must not be served for the asked one, in a word; empty if it may."""
    if not any(words for _, words in asked.phrases):
        return "nothing"
    if asked.language != stored.language:
        return "language"
    if asked.kind != stored.kind:
        return "question"
    if asked.negations != stored.negations:
        return "negation"
    if asked.marks != stored.marks:
        return "tense"
    if sorted(asked.facts) != sorted(stored.facts):
        return "facts"
    return "" if _same_phrases(asked, stored) else "words"


def _same_phrases(asked: Reading, stored: Reading) -> bool:
    if asked.phrases == stored.phrases:
        return True
    if len(asked.phrases) != len(stored.phrases):
        return False
    facts = frozenset(asked.facts)
    return _segments(asked.phrases, facts) == _segments(stored.phrases, facts)


def _segments(phrases: tuple[Phrase, ...], facts: frozenset[str]) -> list[list[Phrase]]:
    """Runs of phrases that say nothing but a fact, each sorted, between the phrases that must stay where they are."""
    runs: list[list[Phrase]] = [[]]
    for phrase in phrases:
        relation, words = phrase
        if relation and words and all(word in facts for word in words):
            runs[-1].append(phrase)
        else:
            runs += [[phrase], []]
    for run in runs:
        relations = [relation for relation, _ in run]
        if len(set(relations)) == len(relations):
            run.sort()
    return runs
