"""The word tables of the guards, English and German. A word that is in no table is compared as it stands.

Whatever is dropped here cannot tell two prompts apart any more, so the lists are short on purpose. Words are lower case
with German umlauts spelled out (``ä`` is ``ae``).
"""

from __future__ import annotations

import re

ENGLISH = "en"
GERMAN = "de"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = {
    ENGLISH: _words(
        "a an the is are was were be been do does did can could will would should has have had i me my we our you your"
        " it its he she they this that these those there of in on at by for from to with and or not if as than what"
        " which who whose when where why how all any please about into between"
    ),
    GERMAN: _words(
        "der die das den dem des ein eine einen einem einer eines ist sind war waren sein wird werden kann koennen"
        " koennte soll sollte hat haben hatte ich mir mich mein meine wir uns du dir es er sie dies diese dieser"
        " dieses von vom im in am an auf aus bei beim mit nach zu zum zur fuer ueber unter durch und oder nicht kein"
        " keine wenn als was welche welcher welches welchen welchem wer wessen wem wann wo wohin woher warum wieso"
        " weshalb wie alle alles gibt bitte man durch"
    ),
}
"""Words that give a language away."""

ARTICLES = {ENGLISH: _words("a an the"), GERMAN: _words("der die das ein eine")}
"""Dropped before what they belong to. Other cases of German articles stay: they tell who bites whom."""

COPULAS = {ENGLISH: _words("is are am be being do does there"), GERMAN: _words("ist sind bin es")}
"""Dropped where the kind of question, or a word behind them, says the same."""

CONJUNCTIONS = _words("and or nor vs versus instead und oder statt")

ABOUT_WORDS = {
    ENGLISH: _words(
        "word words article articles grammar plural singular conjugate conjugation inflect meaning mean means say says"
        " spell spelled pronounce pronunciation translate translation rhyme rhymes synonym synonyms antonym verb"
        " noun pronoun preposition sentence letter letters syllable syllables capitalize define"
    ),
    GERMAN: _words(
        "wort woerter artikel grammatik plural singular mehrzahl einzahl konjugiere dekliniere bedeutet bedeutung"
        " heisst sagt sage schreibt buchstabiere uebersetze uebersetzen uebersetzung reimt synonym synonyme verb nomen"
        " pronomen geschlecht genus kasus satz buchstabe buchstaben silbe silben"
    ),
}
"""Where one of these stands, the text may be about words, and none is dropped."""

MARKS = {
    ENGLISH: {
        "was": "past", "were": "past", "did": "past", "had": "past", "been": "past",
        "will": "future", "'ll": "future", "would": "would", "should": "should", "could": "could",
        "might": "might", "may": "might", "must": "must",
    },
    GERMAN: {
        "war": "past", "waren": "past", "wurde": "past", "wurden": "past", "hatte": "past", "hatten": "past",
        "gewesen": "past", "worden": "past",
        "wird": "future", "werden": "future", "wuerde": "would", "wuerden": "would", "soll": "should",
        "sollte": "should", "sollten": "should", "muss": "must", "muessen": "must", "koennte": "could",
    },
}  # fmt: skip
"""Words that change when, or how surely, something holds; wherever they stand."""

NEGATIONS = _words(
    "not no never none nothing without neither nor cannot except excluding unless"
    " nicht kein keine keinen keinem keiner keines nie niemals nichts ohne weder ausser nein"
)

RELATIONS = {
    ENGLISH: {
        "from": "from", "to": "to", "into": "to", "in": "in", "on": "on", "at": "at", "by": "by", "with": "with",
        "using": "with", "for": "for", "of": "of", "between": "between", "before": "before", "after": "after",
        "through": "through", "via": "via", "than": "than", "during": "during", "over": "over", "under": "under",
        "about": "about", "as": "as", "within": "within", "without": "without", "against": "against", "until": "until",
    },
    GERMAN: {
        "von": "von", "vom": "von", "aus": "aus", "nach": "nach", "zu": "zu", "zum": "zu", "zur": "zu", "in": "in",
        "im": "in", "ins": "in", "an": "an", "am": "an", "auf": "auf", "bei": "bei", "beim": "bei", "mit": "mit",
        "fuer": "fuer", "durch": "durch", "ueber": "ueber", "unter": "unter", "vor": "vor", "zwischen": "zwischen",
        "als": "als", "ohne": "ohne", "gegen": "gegen", "bis": "bis", "um": "um",
    },
}  # fmt: skip
"""Prepositions: they open a phrase, whose place in the sentence may differ while its role may not."""

_SAME = {
    ENGLISH: (
        "big large", "biggest largest", "quick fast", "quickest fastest", "delete erase", "begin start", "buy purchase",
        "folder directory", "repo repository", "app application", "config configuration", "env environment",
        "db database", "docs documentation", "regex regexp", "arg argument", "param parameter", "info information",
        "stop stopover", "depart leave", "arrive land", "exactly precisely",
        "prereq prerequisite", "movie film", "picture photo",
    ),
    GERMAN: (
        "ordner verzeichnis", "anwendung app", "exakt genau", "leben wohnen",
    ),
}  # fmt: skip


def _canon(groups: tuple[str, ...]) -> dict[str, str]:
    return {word: line.split()[0] for line in groups for word in line.split()}


SYNONYMS = {language: _canon(groups) for language, groups in _SAME.items()}

_ONE_TO_TWELVE = {
    ENGLISH: "one two three four five six seven eight nine ten eleven twelve",
    GERMAN: "eins zwei drei vier fuenf sechs sieben acht neun zehn elf zwoelf",
}
NUMBER_WORDS = {
    language: {word: str(number) for number, word in enumerate(words.split(), 1)}
    for language, words in _ONE_TO_TWELVE.items()
}


Rewrite = tuple[re.Pattern[str], str]


def _rewrites(*pairs: tuple[str, str]) -> tuple[Rewrite, ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), replacement) for pattern, replacement in pairs)


_PEOPLE = "(?:people|inhabitants|residents)"
_INFO = "(?:some )?info(?:rmation)? (?:on|about)"
_ASK_FOR = "(?:(?:show|give|get|tell) me|i (?:need|want|'d like|would like))"
_LEUTE = "(?:menschen|leute|einwohner|personen)"
REWRITES = {
    ENGLISH: _rewrites(
        (r"\b(can)(?:'t|not)\b", r"\1 not"),
        (r"\bwon't\b", "will not"),
        (r"\b(\w+) ?n't\b", r"\1 not"),
        (r"\b(what|where|who|how|when|that|there|it)'s\b", r"\1 is"),
        (r"\b(\w+)'(re|ve|ll|d)\b", r"\1 '\2"),
        (r"^(?:hi|hello|hey)(?: there)?\b[\s,!]*", ""),
        (r"^(?:please|kindly)\b[\s,]*|[\s,]*\b(?:please|thanks|thank you)(?=[\s.!?]*$)", ""),
        (
            r"^(?:can|could|would|will) you (?:please )?"
            r"(?=(?:show|tell|give|list|explain|describe|find|name|write|help|get|recommend)\b)",
            "",
        ),
        (r"^(?:please )?(?:i (?:'d|would) (?:like|love)|i want|i need) to (?:know|see)\b[\s,]*", "tell me "),
        (r"^((?:show|give|tell) me)[,:]\s+", r"\1 "),
        (r"^do you know\b[\s,]*(?=(?:what|which|who|where|when|how|why)\b)", "tell me "),
        (r"\b(?:the )?united states(?: of america)?\b|\bthe u\.?s\.?(?=[\s?!,]|$)|\b(?:the )?usa\b", "USA"),
        (r"\bregular expression(s?)\b", r"regex\1"),
        (r"^(\S+) (?:vs\.?|versus) (\S+): what (?:is|are) the differences?", r"difference between \1 and \2"),
        (r"^how (?:do|does|is|are) (\S+) (?:differ|different) from (?=\S+$)", r"difference between \1 and "),
        (r"^(?:please )?(?:explain|describe|what is|what are) the differences? between", "difference between"),
        (r"\bleast expensive\b", "cheapest"),
        (r"\b(?:flow|run|pass|go)(s?) through\b", r"traverse\1"),
        (rf"^how many {_PEOPLE} (?:live|reside|are|are there) in\b", "what is the population of"),
        (r"^tell me (what|who|where|which) (the [^?]+?) (is|are)(?=[\s.!?]*$)", r"\1 \3 \2"),
        (r"^how (?:high|tall) is\b", "what is the height of"),
        (rf"^{_ASK_FOR} a list of(?: all)?\b", "list"),
        (r"^(what|which) (?:kind|type|sort)s? of\b", r"\1"),
        (r"^(what|which) (\w+) (?:has|have)\b", r"\1 \2 with"),
        (r"^(?:what|which) (?:is|are) the (\w+) with\b", r"what \1 with"),
        (r"(?<=\w )(?:that|which|who) (?:is|are)\b", ""),
        (r"(?<=\w )(?:(?:that|which) )?(?:go|goes|going) (?=from\b)", ""),
        (r"(?<=\w )(?:(?:that )?you have|do you have)\b", ""),
        (r"\bfor me(?=[\s.!?]*$)", ""),
        (r"^why (?:do|did|am) i (?:get|getting|see|seeing)\b", "why"),
        (r"(?<=\w )which (?=\w)", "that "),
    ),
    GERMAN: _rewrites(
        (r"^(?:hallo|hi|hey)\b[\s,!]*", ""),
        (r"^bitte\b[\s,]*|[\s,]*\b(?:bitte|danke)(?=[\s.!?]*$)", ""),
        (
            r"^(?:kannst|koenntest|koennen|koennten) (?:du|sie) (?:mir )?(?:bitte )?(?:sagen|zeigen|nennen)\b[\s,]*",
            "nenne ",
        ),
        (r"^(?:ich (?:moechte|will|wuerde gerne?) wissen|weisst du|sage? mir)\b[\s,]*", "nenne "),
        (r"\b(?:den |die |der )?(?:vereinigten staaten(?: von amerika)?|USA)\b", "USA"),
        (r"\bregulaere[rn]? ausdruck\b", "regex"),
        (r"^(?:was ist der unterschied zwischen|(?:wie|worin) unterscheide[nt] sich)\b", "unterschied zwischen"),
        (rf"^wie ?viele {_LEUTE} (?:leben|wohnen|gibt es) in\b", "was ist die bevoelkerung von"),
        (r"^wie gross ist die (?:bevoelkerung|einwohnerzahl) (?:von|in)\b", "was ist die bevoelkerung von"),
    ),
}
"""Ways of saying the same, made one before anything else is looked at. Applied in order, without regard to case."""

_A_NAME = r"(?= (?!the |all |there |some |any |your )[\w.+#-]+(?: [\w.+#-]+)?\s*[?.!]*$)"
_EIN_NAME = r"(?= (?!die |alle )[\w.+#-]+(?: [\w.+#-]+)?\s*[?.!]*$)"
"""A word or two to the end: what they are is asked, not which there are."""
INFORMATION = re.compile(rf"^(?:{_ASK_FOR} )?{_INFO}(?: all)?\b", re.IGNORECASE)
"""Of things it is a list of them, of a technology an explanation."""

_THE = r"(?: all)?(?: of)?(?: the)?"
_KINDS = {
    ENGLISH: (
        ("difference", r"differences? between"),
        ("count", r"how many|count(?: the)?(?: number of)?(?: the)?|(?:what is |tell me |give me )?the number of"),
        (
            "howto",
            r"how (?:do|can|could|would|to)(?: (?:i|you|we|one)(?! (?:feel|learn|work|know|think)\b))?"
            r"|(?:show|tell)(?: me)? how (?:to|do i|i can)"
            r"|(?:what is |show me |tell me )?the best way to|steps to",
        ),
        ("how", r"how"),
        ("why", r"why|what causes?"),
        ("who", r"(?:tell me )?who(?: is| are)?"),
        ("when", r"(?:tell me )?when(?: is| are)?"),
        ("where", r"(?:tell me )?where(?: is| are)?"),
        ("definition", rf"(?:what is|tell me what) an?(?= )|what are{_A_NAME}"),
        (
            "give",
            r"(?:(?:show|give|get|find|list|tell) me|show|give|find|list"
            r"|i (?:want|need|am looking for|'d like|would like)|is there|do you have|are there) an?(?= )",
        ),
        (
            "what",
            r"(?:(?:tell me )?(?:what|which)(?: is| are)?|(?:show|give|get|find|list|name|tell) me"
            r"|show|give|find|list|name|i (?:want|need|'d like|would like)(?! to\b)"
            rf"|(?:are there|do you have|is there)(?: any)?){_THE}",
        ),
        ("explain", r"explain|describe"),
        ("wish", r"i (?:want|need|'d like|would like) to"),
        ("able", r"can"),
        ("may", r"may"),
        ("whether", r"(?:is|are|do|does|has|have|am)"),
    ),
    GERMAN: (
        ("difference", r"(?:der )?unterschied zwischen"),
        ("count", r"wie ?viele?|(?:nenne |gib mir |was ist )?die anzahl(?: der| von)?"),
        ("howto", r"wie (?:kann|koennen|mache?)(?: (?:ich|man|wir))?"),
        ("must", r"wie muss(?: (?:ich|man|wir))?"),
        ("what", r"wie (?:lautet|lauten|heisst|heissen)(?: die| der| das)?"),
        ("how", r"wie"),
        ("why", r"warum|wieso|weshalb|was verursacht"),
        ("who", r"wer(?: ist| sind)?"),
        ("when", r"wann"),
        ("where", r"wo(?: ist| sind| liegt| liegen)?"),
        ("definition", rf"was sind{_EIN_NAME}"),
        ("where to", r"wohin"),
        ("where from", r"woher"),
        ("give", r"(?:zeige?|gib|nenne?|finde?)(?: mir)? eine?n?(?= )|gibt es eine?n?(?= )"),
        (
            "what",
            r"(?:(?:nenne )?(?:was|welche[srnm]?)(?: ist| sind| gibt es)?|(?:zeige?|gib|nenne?|liste?|finde?)(?: mir)?)"
            r"(?: alle)?(?: die| der| das| den)?",
        ),
        ("explain", r"erklaere?(?: mir)?|beschreibe?"),
        ("able", r"(?:kann|koennen)"),
        ("may", r"(?:darf|duerfen)"),
        ("whether", r"(?:ist|sind|hat|haben|gibt es)"),
    ),
}
KINDS = {
    language: tuple((name, re.compile(rf"(?:{source})(?=\W|$)[\s,:]*", re.IGNORECASE)) for name, source in kinds)
    for language, kinds in _KINDS.items()
}
"""The kinds of question a text can open with, first match wins. Two of different kinds never share an answer."""

TECHNOLOGIES = _words(
    "ansible angular apache aws azure bash bootstrap c c# c++ cargo circleci cmake conda cpp css csharp curl dart"
    " debian django docker elasticsearch eslint excel fastapi flask flutter gcc gcp git github gitlab go golang"
    " gradle grafana graphql grep groovy haskell heroku html java javascript jenkins jest jq js json julia kafka"
    " kotlin kubectl kubernetes latex linux lua macos make mariadb markdown matlab maven mongodb mypy mysql next"
    " nginx node nodejs npm numpy ollama oracle pandas perl php pip pnpm podman poetry postgres postgresql"
    " powershell prometheus pytest python pytorch r rabbitmq rails react redis rest ruby rust sass scala sed shell"
    " sql sqlite spring svelte swift systemd tailwind tensorflow terraform toml tmux typescript ubuntu uv vim vite"
    " vscode vue webpack windows xml yaml yarn zig zsh"
)
"""Names that are facts however they are written."""

ORDINARY_WORDS = _words("go make next node rest shell spring swift rust dart flask cargo sass")
"""Technologies whose names are words of every day: alone they make no text a technical one."""

PROGRAMMING_LANGUAGES = _words(
    "bash c c# c++ cpp csharp dart elixir go golang groovy haskell java javascript julia kotlin lua matlab perl php"
    " python r ruby rust scala sql swift typescript zig"
)
"""Those of the technologies that one does something *in* and *using* alike."""

PROTOCOLS = _words("https ftps ldaps smtps imaps mqtts hdfs wss nfs dns tls sas aws css js rss")
"""Words that only look like a plural."""

WORDS_OF_CODE = _words(
    "while block blocks notation keyword keywords operator operators loop loops expression statement"
)
"""What is before one of these is a word of a programming language, ``do`` and ``is`` too."""

CALENDAR = {
    ENGLISH: _words(
        "monday tuesday wednesday thursday friday saturday sunday january february march april june july august"
        " september october november december morning afternoon evening night noon midnight spring summer autumn"
        " winter"
    ),
    GERMAN: _words(
        "montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar maerz april mai juni juli august"
        " september oktober november dezember morgen mittag abend nacht fruehling sommer herbst winter"
    ),
}
"""Times of the week, the year and the day: facts too."""

TURNING = _words(
    "all any most least more less fewer fewest many much few number count amount quantity average mean median total sum"
    " maximum minimum max min only each per every both either same different other another first second third last"
    " next previous prior earliest latest early late before after until since while between among always once twice"
    " half double top bottom high low higher lower big small bigger smaller long longer short shorter near far cheap"
    " expensive good bad better worse new old newer older fast slow hard easy up down left right out off over under"
    " above below begin end start stop open close add remove insert delete create destroy enable disable allow deny"
    " include exclude increase decrease ascending descending asc desc encode decode encrypt decrypt push pull import"
    " export upload download install uninstall read write send receive true false yes if unless when cost price fare"
    " meist wenigst mehr weniger viel wenig anzahl summe nur jede jeder erste letzte naechste vor nach bis seit"
    " zwischen immer einmal hoch niedrig gross klein lang kurz gut schlecht neu alt schnell langsam auf ab an aus"
    " hinzufuegen entfernen loeschen erstellen aktivieren deaktivieren oeffnen schliessen"
)
"""Words that turn an answer round. One that only one of two prompts has is never taken for a filler."""
