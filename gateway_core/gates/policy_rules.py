"""The policy's rules: what must not be asked of an agent, as a table of verbs, objects and conditions.

A rule holds when an ask (see :mod:`gateway_core.gates.policy_asks`) begins with one of its verbs, its object follows
close by, everything it needs stands in the same sentence, and nothing of ``unless`` does. The words are in
:mod:`gateway_core.gates.policy_words`.

Ordinary work comes first. Where a wording is as often harmless (one old backup, a force-push to main by somebody who
says nothing of losing history, showing ``.env`` to fix it, switching a firewall off on one's own machine) there is no
rule: a gate that refuses a day's work is switched off by its users.
"""

from __future__ import annotations

from enum import StrEnum

from gateway_core.frozen import frozen
from gateway_core.gates.policy_moods import Mood
from gateway_core.gates.policy_words import (
    AGAINST_IT,
    ALL_SECRETS,
    ALL_SECRETS_HERE,
    BACKDOOR,
    BACKUPS,
    BOOTY,
    DISABLE,
    DROP,
    ELSEWHERE,
    ENV_FILE,
    ERASE,
    EXFILTRATE,
    FAKE_LOGIN,
    GATHER,
    LAB,
    MAKE,
    MALWARE,
    MALWARE_CUES,
    NOT_FROM_A_LIST,
    NOT_THE_VALUE,
    OUTSIDE,
    PLANT,
    PRINT,
    PRIVATE_KEYS,
    PROD_DATA,
    PROPER_WAY,
    PROTECTION,
    RESTRICTED,
    SECRET,
    SEND,
    SENDING,
    SSH_KEYS,
    STEALTH,
    TO_PEOPLE,
    VICTIM,
    WHOLE,
    WHOLE_MACHINE,
    WORM,
    Verbs,
    one_of,
    words,
)


class Category(StrEnum):
    """What kind of harm a rule is about."""

    DESTRUCTIVE_COMMAND = "destructive_command"
    SECRET_EXPOSURE = "secret_exposure"
    MALWARE = "malware"
    CUSTOM = "custom"


_SAID = frozenset({Mood.ORDER, Mood.REQUEST, Mood.THAT, Mood.INFINITIVE})
_SAID_OR_WISHED = _SAID | {Mood.WISH}


@frozen
class Rule:
    """One thing not to be asked, in words."""

    name: str
    category: Category
    cues: tuple[str, ...]
    """One of these stands in every text the rule can match: the cheap test before the dear one."""
    verbs: Verbs
    objects: str
    needs: tuple[str, ...] = ()
    unless: str = ""
    moods: frozenset[Mood] = _SAID


@frozen
class Command:
    """One command line not to be run: asked for (*run …*, *führe … aus*), or the whole message."""

    name: str
    category: Category
    cues: tuple[str, ...]
    line: str
    unless: str = ""


_KEY_CUES = (
    *("ssh", "id_", "key", "passw", "credential", "zugangsdaten", "schlüssel", "cookie", "shadow", "seed"),
    *(".aws", ".gnupg", ".kube"),
)
_SECRET_CUES = ("secret", "key", "token", "passw", "credential", "zugangsdaten", "geheimnis", "schlüssel")

DESTRUCTION = (
    Rule(
        name="erase_machine",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=(
            *(
                "home",
                "disk",
                "drive",
                "machine",
                "computer",
                "server",
                "laptop",
                "system",
                "ssd",
                "platte",
                "laufwerk",
            ),
            *("rechner", "/dev/", " c:", " d:", " / ", " /.", "`/`", "~", " box", " nas", " pc"),
        ),
        verbs=ERASE,
        objects=WHOLE_MACHINE + WHOLE + NOT_FROM_A_LIST,
        unless=one_of(LAB, RESTRICTED),
    ),
    Rule(
        name="erase_production",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("prod", "live", "customer", "kundendaten"),
        verbs=ERASE | DROP,
        objects=PROD_DATA + WHOLE + NOT_FROM_A_LIST,
        unless=one_of(ELSEWHERE, RESTRICTED),
    ),
    Rule(
        name="erase_backups",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("backup", "sicherung"),
        verbs=ERASE | DROP,
        objects=BACKUPS + WHOLE + r"(?! (?:of|for|from) (?:an?|one|each)\b)(?! (?:eines|einer|für einen?)\b)",
        unless=one_of(LAB, RESTRICTED),
    ),
    Rule(
        name="erase_history",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("force",),
        verbs=ERASE
        | Verbs(
            english="force[- ]?push|push|rewrite|replace",
            german="force-?pushe|pushe|ersetze?",
            german_last="force-?pushen|pushen|ersetzen",
        ),
        objects=r"(?:main|master|(?:git[- ]?)?(?:history|historie))\b",
        needs=(
            "force",
            one_of(
                words("whole entire all everyone'?s? team'?s? ganze gesamte komplette alle")
                + r"[^.]{0,60}"
                + words("lost gone wiped destroyed weg verloren vernichtet"),
                r"\b(?:empty|leere[nsm]?) (?:repo\w*|branch|commit)",
            ),
        ),
    ),
    Rule(
        name="disable_protection",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("firewall", "virus", "viren", "defender", " edr", "audit", "selinux"),
        verbs=DISABLE,
        objects=PROTECTION + "(?! (?:rules?|exceptions?|port)|-)",
        needs=(
            one_of(
                STEALTH,
                r"\b(?:all|every|alle[nr]?) (?:(?:the|our|company|production) )*"
                r"(?:servers?|machines|computers|firmen|rechner)",
            ),
        ),
    ),
    Rule(
        name="cover_tracks",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=(" log", "history", "audit", "protokolle"),
        verbs=ERASE,
        objects=words("logs? logfiles? history protokolle logdateien", "log files", "audit trail", "bash history"),
        needs=(STEALTH,),
    ),
)

EXPOSURE = (
    Rule(
        name="print_keys",
        category=Category.SECRET_EXPOSURE,
        cues=_KEY_CUES,
        verbs=PRINT,
        objects="(?:(?:inhalte?|contents?) (?:von|of|der|des|from|in) (?:(?:the|my|dem|der|meine[mr]) )?)?"
        + PRIVATE_KEYS
        + WHOLE,
        unless=NOT_THE_VALUE,
    ),
    Rule(
        name="print_secrets",
        category=Category.SECRET_EXPOSURE,
        cues=(".env", *_SECRET_CUES),
        verbs=PRINT,
        objects=ALL_SECRETS_HERE + WHOLE,
        unless=NOT_THE_VALUE,
    ),
    Rule(
        name="send_keys",
        category=Category.SECRET_EXPOSURE,
        cues=(".env", *_KEY_CUES),
        verbs=SEND | GATHER | PRINT,
        objects=one_of(PRIVATE_KEYS, SSH_KEYS, ENV_FILE) + WHOLE,
        needs=(one_of(OUTSIDE, EXFILTRATE), SENDING),
        unless=PROPER_WAY,
    ),
    Rule(
        name="send_all_secrets",
        category=Category.SECRET_EXPOSURE,
        cues=_SECRET_CUES,
        verbs=SEND | GATHER,
        objects=ALL_SECRETS + WHOLE,
        needs=(one_of(OUTSIDE, EXFILTRATE), SENDING),
        unless=PROPER_WAY,
    ),
    Rule(
        name="send_secret",
        category=Category.SECRET_EXPOSURE,
        cues=_SECRET_CUES,
        verbs=SEND,
        objects=SECRET + WHOLE,
        needs=(one_of(TO_PEOPLE, EXFILTRATE),),
        unless=PROPER_WAY,
    ),
)

MALICE = (
    Rule(
        name="make_malware",
        category=Category.MALWARE,
        cues=MALWARE_CUES,
        verbs=MAKE,
        objects=MALWARE,
        unless=AGAINST_IT,
        moods=_SAID_OR_WISHED,
    ),
    Rule(
        name="malware_for_a_victim",
        category=Category.MALWARE,
        cues=MALWARE_CUES,
        verbs=MAKE,
        objects=MALWARE,
        needs=(VICTIM,),
        unless=AGAINST_IT,
        moods=frozenset({Mood.HOW_TO}),
    ),
    Rule(
        name="make_worm",
        category=Category.MALWARE,
        cues=("worm", "wurm", "virus"),
        verbs=MAKE,
        objects=WORM,
        unless=one_of(AGAINST_IT, words(r"game spiel\w*")),
        moods=_SAID_OR_WISHED,
    ),
    Rule(
        name="make_reverse_shell",
        category=Category.MALWARE,
        cues=("shell", "payload", "exploit"),
        verbs=MAKE,
        objects=words("payload exploit", "reverse[- ]shell"),
        needs=(VICTIM,),
        unless=AGAINST_IT,
        moods=_SAID_OR_WISHED,
    ),
    Rule(
        name="make_thief",
        category=Category.MALWARE,
        cues=("steal", "stiehl", "klau", "stehl", "phish", "abgreif", "harvest", "intercept", "secretly"),
        verbs=Verbs(
            english="steal|harvest|phish|intercept|secretly (?:record|log|capture)",
            german="klau|stiehl",
            german_last=r"klau(?:en|t|st)|stehlen|stiehlt|abgreif(?:en|t)|abphish\w*",
        ),
        objects=BOOTY,
        unless=AGAINST_IT,
        moods=_SAID_OR_WISHED,
    ),
    Rule(
        name="make_spy",
        category=Category.MALWARE,
        cues=("keystroke", "tastatur", "webcam", "mikrofon", "microphone"),
        verbs=Verbs(
            english="record|log|capture|watch|film",
            german="filme",
            german_last="mitschneide(?:n|t|st)|mitlesen|mitliest|aufzeichne(?:n|t|st)|filmen|filmt",
        ),
        objects=words("keystrokes? tastatureingaben webcams? mikrofone? microphones?"),
        needs=(STEALTH,),
        unless=AGAINST_IT,
    ),
    Rule(
        name="make_fake_login",
        category=Category.MALWARE,
        cues=("fake", "gefälscht", "nachgemacht"),
        verbs=MAKE,
        objects=FAKE_LOGIN,
        needs=(BOOTY,),
        unless=one_of(AGAINST_IT, LAB, words("stub data e2e")),
        moods=_SAID_OR_WISHED,
    ),
    Rule(
        name="plant_backdoor",
        category=Category.MALWARE,
        cues=("backdoor", "back door", "back-door", "hintertür"),
        verbs=PLANT | MAKE,
        objects=BACKDOOR,
        unless=AGAINST_IT,
        moods=_SAID_OR_WISHED,
    ),
    Rule(
        name="attack_site",
        category=Category.MALWARE,
        cues=("ddos",),
        verbs=Verbs(english="ddos|launch|start|run", german="ddose?|starte", german_last="ddosen|starten"),
        objects=r"(?:competitor|konkurren\w*|website of|webseite (?:von|der))",
        needs=("ddos",),
        unless=AGAINST_IT,
    ),
)

RULES: tuple[Rule, ...] = DESTRUCTION + EXPOSURE + MALICE

_END = r"(?=[\s;&|`'\")]|[.,!?](?:\s|$)|$)"
_ROOT_OR_HOME = (
    r"[\"']?(?:/\*?|~/?\*?|\$\{?home\}?/?\*?"
    r"|/(?:etc|usr|bin|sbin|boot|lib|lib64|home|root|var|dev|users|system)/?\*?)[\"']?"
)
_BLOCK_DEVICE = r"/dev/(?:sd|nvme|hd|vd|mmcblk|disk)\w*"
_KEY_FILE = (
    r"[\w~/$.{}]*(?:\.ssh(?![\w/]*[\w.]*(?:\.pub|config|known_hosts|authorized_keys))|id_(?:rsa|ed25519)(?!\.pub)"
    r"|\.aws/credentials|(?:/|(?<=@))\.env\b(?!\.))[\w/]*"
)

COMMANDS: tuple[Command, ...] = (
    Command(
        name="rm_root",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("rm ",),
        line=rf"\brm\s+(?:-[\w-]+\s+){{1,4}}{_ROOT_OR_HOME}{_END}",
        unless=LAB,
    ),
    Command(
        name="make_filesystem",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("mkfs",),
        line=r"\bmkfs(?:\.\w+)?\s+(?:-\S+\s+)*/dev/\w+",
        unless=LAB,
    ),
    Command(
        name="overwrite_disk",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("/dev/",),
        line=one_of(
            rf"\bdd\s[^\n]{{0,80}}\bof={_BLOCK_DEVICE}",
            rf"\b(?:shred|wipefs)\s+(?:-\S+\s+)*{_BLOCK_DEVICE}",
            rf">\s*{_BLOCK_DEVICE}",
        ),
        unless=LAB,
    ),
    Command(
        name="fork_bomb",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=(":|:",),
        line=r":\(\)\s*\{\s*:\|:\s*&\s*\}\s*;\s*:",
        unless=LAB,
    ),
    Command(
        name="format_windows",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=(" c:", " d:"),
        line=one_of(
            r"\bformat\s+[a-z]:(?=[\s/\\.,!]|$)",
            r"\b(?:rd|rmdir|del)\s+(?:/\w\s+)+[a-z]:\\(?:\*|\s|$)",
            r"\bremove-item\s+[^\n]{0,40}\s[a-z]:\\(?=\s|$)",
        ),
    ),
    Command(
        name="chmod_root",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("chmod",),
        line=rf"\bchmod\s+(?:-\S+\s+)*(?:777|000|a\+rwx)\s+/{_END}",
        unless=LAB,
    ),
    Command(
        name="drop_production",
        category=Category.DESTRUCTIVE_COMMAND,
        cues=("drop",),
        line=r"\bdrop\s+(?:database|schema)\s+(?:if exists\s+)?[`\"]?prod\w*",
    ),
    Command(
        name="send_key_file",
        category=Category.SECRET_EXPOSURE,
        cues=("ssh", "id_", ".aws", ".env"),
        line=one_of(
            rf"\b(?:curl|wget|nc|ncat|scp|rsync)\b[^\n]{{0,120}}?(?<!-i)(?:\s|@)[\"']?{_KEY_FILE}",
            rf"{_KEY_FILE}\s*\|\s*(?:curl|nc|ncat)\b",
        ),
    ),
)
