"""Which words make a question one about the caller's own code: English and German."""

from __future__ import annotations

import re

_SHAPES = re.compile(
    r"[`{}<>=\\@$|;]|::|->|\(\)|\w\(|\[\w*\]"  # code
    r"|(?<![\w.])\.{0,2}/\w|~/|\w/\w|\w/(?:\s|$)|\b[A-Za-z]:\\"  # paths
    r"|\b\w+_\w|\b_\w|\b[a-z]+[A-Z]\w|\b[A-Z][a-z0-9]+[A-Z]\w"  # snake_case, camelCase, PascalCase
    r"|\b[A-Za-z]{2,}\.[A-Za-z]{1,10}\b|(?<!\w)\.[a-z]\w+|(?<!\S)--?\w"  # file.ext, dotted.name, .env, --flag
    r"|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b|#\d|\bline \d|\bzeile \d"  # a commit, an issue, a place
)
_WELL_KNOWN = re.compile(r"\b(?:JavaScript|TypeScript|GitHub|GitLab|PostgreSQL|MySQL|MongoDB|TCP/IP|and/or|und/oder)\b")
"""Names that only look like identifiers or paths."""
_THINGS = (
    r"file|folder|director(?:y|ie)|path|function|method|class(?:es)?|module|package|librar(?:y|ie)|dependenc(?:y|ie)"
    r"|import|variable|constant|parameter|argument|interface|struct|enum|code|codebase|source|script|snippet|repo"
    r"|repositor(?:y|ie)|branch(?:es)?|commit|merge|rebase|diff|patch(?:es)?|stash|pr|mr|pull-?request|issue|ticket"
    r"|release|version|changelog|readme|licen[cs]e|doc|documentation|docstring|comment|todo|fixme|build|compile|compiler"
    r"|test|unittest|fixture|mock|coverage|lint|linter|formatter|mypy|pytest|ci|pipeline|workflow|deploy|deployment"
    r"|dockerfile|container|image|makefile|config|configuration|setting|default|env|environment|secret|error|exception"
    r"|bug|crash(?:es)?|fail|failure|traceback|stack ?trace|warning|log|logger|server|port|endpoint|route|router|api"
    r"|database|schema|migration|query|querie|backend|frontend|app|application|program|project|product|feature|component"
    r"|service|handler|parser|cache|hook|plugin|middleware|login|auth|authentication|authorization|session|token|timeout"
    r"|retry|retrie|queue|worker|job|cron|logic|architecture|design|refactoring|implementation|installed|maintainer"
    r"|owner|workspace|sandbox|checkout|worktree|submodule|lockfile|template|view|controller|type|annotation|signature"
    r"|regression|benchmark|typo"
)
_SACHEN = (
    r"datei|ordner|verzeichnis|pfad|funktion|methode|klasse|modul|paket|bibliothek|abh(?:ä|ae)ngigkeit|variable|konstante"
    r"|quelltext|skript|zweig|(?:ä|ae)nderung|anmerkung|kommentar|fehler|fehlermeldung|absturz|ausnahme|warnung|bau|test"
    r"|pr(?:ü|ue)fung|einstellung|konfiguration|umgebung|datenbank|tabelle|schnittstelle|projekt|anwendung|programm"
    r"|dienst|komponente|protokoll|anmeldung|sitzung|parser|abfrage|abdeckung"
)
_NAMED = re.compile(
    rf"\b(?:(?:{_THINGS})(?:s|ed|ing)?|(?:{_SACHEN})(?:e|n|en|er|ern|s|es)?)\b"
    r"|\w*(?:code|test|datei|fehler|modul|klasse|funktion|skript|commit|branch|repo|build|abdeckung)(?:s|e|en|n)?\b"
)
_POINTING = re.compile(
    r"\b(?:this|that|these|those|it|its|our|ours|my|mine|we|us|here|there|above|below|following|attached|current"
    r"|dies\w*|jene\w*|unser\w*|mein\w*|wir|uns|hier|dort|dessen|deren|davon|darin|daran|damit|es|oben|unten"
    r"|folgende\w*|aktuell\w*)\b"
)
_TROUBLE = re.compile(
    r"\b(?:broken?|slow(?:er|ly)?|stuck|hangs?|wrong|red|flaky|leaks?|kaputt|langsam\w*|rot|fehlschl\w*|schl(?:ä|ae)gt"
    r"|(?:doesn't|does not|don't|do not|isn't|not|won't) (?:\w+ )?(?:work|working|start|run|compile|load)"
    r"|(?:geht|funktioniert|l(?:ä|ae)uft|startet) nicht)\b"
)
_INSIDES = re.compile(
    r"\b(?:handled?|defined|declared|implemented|configured|validated|called|registered|initiali[sz]ed|parsed|rendered"
    r"|raised|thrown|processed|maintains?|owns|responsible|uses? (?:by|for|to)|definiert|implementiert|konfiguriert"
    r"|aufgerufen|behandelt|verarbeitet|zust(?:ä|ae)ndig)\b"
    r"|\b(?:how|where) (?:does|do|is|are) (?:the )?\w+ (?:work|happen|stored|saved|checked|set|used|created|done|made)"
    r"|\b(?:wie|wo) (?:funktioniert|passiert|wird|werden)\b"
)
"""What is asked of the parts of a program, whatever their names."""
_GENERAL = re.compile(
    r"^(?:(?:please|hey|hi|hello|bitte|hallo|can you|could you|kannst du|könntest du|tell me|sag mir|so|and|und),? )*"
    r"(?:what(?:'s|s)?|who(?:'s|se|m)?|when|which|where|why|how|is|are|was|were|do|does|did|can|could|should|would|has"
    r"|have|in (?:what|which)|name|list|define|explain|describe|translate|convert|calculate|compare|spell|count"
    r"|write (?:me )?an? (?:\w+ )?(?:poem|haiku|limerick|song|joke|story|letter|e-?mail|speech|toast|essay|paragraph)"
    r"|was|wer|wen|wem|wessen|wann|welche[rnsm]?|wo|woher|wohin|warum|wieso|weshalb|wie|wieviel\w*|ist|sind|war|waren"
    r"|kann|können|hat|haben|soll\w*|nenne?|erkläre?|erklaere?|beschreibe?|übersetze?|uebersetze?|rechne|berechne"
    r"|vergleiche?|schreibe? (?:mir )?ein\w* (?:\w+ )?(?:gedicht|haiku|witz|geschichte|brief|e-?mail|rede|aufsatz))\b"
)
FEWEST_WORDS = 3


def is_about_code(text: str) -> bool:
    """Whether the answer to ``text`` may depend on the code its asker works on.

    It does not where the text asks a general question (begins as one, in English or German), names nothing of a project
    (a file, an identifier, a test, an error), points at nothing ("this", "our", "unser"), tells of no trouble and does
    not ask how or where something is done.
    """
    plain = _WELL_KNOWN.sub("X", text.strip())
    lower = plain.lower()
    if len(lower.split()) < FEWEST_WORDS or not _GENERAL.match(lower) or _SHAPES.search(plain):
        return True
    return any(rule.search(lower) for rule in (_NAMED, _POINTING, _TROUBLE, _INSIDES))
