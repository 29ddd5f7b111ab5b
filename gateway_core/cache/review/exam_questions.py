"""The pairs of questions that a judge is examined with, English and German."""

from __future__ import annotations

from typing import Final

DIFFERENT: Final[tuple[tuple[str, str], ...]] = (
    ("How do I convert 250 miles to kilometres?", "How do I convert 520 miles to kilometres?"),
    ("Is it safe to eat raw mushrooms?", "Is it not safe to eat raw mushrooms?"),
    ("How do I migrate a table from MySQL to PostgreSQL?", "How do I migrate a table from PostgreSQL to MySQL?"),
    ("Which river flows through Graz?", "Which river flows through Linz?"),
    ("What is new in Python 3.11?", "What is new in Python 3.12?"),
    ("Who is the coach of the team?", "Who was the first coach of the team?"),
    ("Wie viele Einwohner hat die Hauptstadt von Peru?", "Wie groß ist die Fläche der Hauptstadt von Peru?"),
    ("Welche Züge fahren von Bern nach Basel?", "Welche Züge fahren von Basel nach Bern?"),
    ("Darf man Alufolie in die Mikrowelle legen?", "Darf man Alufolie in den Backofen legen?"),
    ("How do I sort a list in ascending order?", "How do I sort a list in descending order?"),
    ("What are the advantages of electric cars?", "What are the disadvantages of electric cars?"),
    ("How do I add a user to a group in Linux?", "How do I remove a user from a group in Linux?"),
    ("Explain how tides work in one sentence.", "Explain how tides work in detail."),
    ("What is the largest lake in Africa?", "What is the second largest lake in Africa?"),
    ("Which planets have rings?", "How many planets have rings?"),
    ("Warum schlafen Katzen so viel?", "Warum schlafen Katzen so wenig?"),
    ("How do I undo the last commit but keep my changes?", "How do I undo the last commit and drop my changes?"),
    ("When should I plant tomatoes outdoors?", "When should I harvest tomatoes outdoors?"),
    ("Was kostet ein Pfund Kaffee in der Herstellung?", "Was kostet ein Kilo Kaffee in der Herstellung?"),
    ("What happens before a cell divides?", "What happens after a cell divides?"),
)
"""Each asks two different things: another number, negation, direction, name, version, tense, amount, form, order."""

SAME: Final[tuple[tuple[str, str], ...]] = (
    ("What is the boiling point of ethanol?", "At what temperature does ethanol boil?"),
    ("How do I rename a branch in Git?", "What is the way to rename a Git branch?"),
    ("Who wrote the opera Fidelio?", "Which composer wrote the opera Fidelio?"),
    ("How can I check if a string is empty in JavaScript?", "How to test whether a string is empty in JavaScript?"),
    ("Wie lange muss man Linsen kochen?", "Was ist die Kochzeit von Linsen?"),
    ("Wie heißt die Hauptstadt von Kenia?", "Was ist die Hauptstadt von Kenia?"),
    ("Why do leaves turn red in autumn?", "What makes leaves go red in autumn?"),
    ("How many bones does an adult human have?", "What is the number of bones in an adult human?"),
    ("Explain what a hash table is.", "What is a hash table? Please explain."),
    ("Wie kann ich eine Datei unter Linux suchen?", "Wie findet man unter Linux eine Datei?"),
    ("What is the purpose of a flywheel?", "What is a flywheel for?"),
    ("How far is the Moon from the Earth?", "What is the distance between the Earth and the Moon?"),
)
"""Each asks one thing in two ways."""
