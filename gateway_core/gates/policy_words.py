"""The words of the policy's rules: verbs in the forms they are asked in, objects, and conditions.

Everything is a regular expression in lower case, put together from short named parts. A part that is looked up behind
others stands in a group of its own, so parts can be joined freely.
"""

from __future__ import annotations

import re

from gateway_core.frozen import frozen


@frozen
class Verbs:
    """The forms of some verbs of one meaning."""

    english: str
    german: str
    """Imperatives: *lösch alles*."""
    german_last: str
    """Infinitives and the forms of a subordinate clause: *alles löschen*, *dass du alles löschst*."""

    def __or__(self, other: Verbs) -> Verbs:
        return Verbs(
            f"{self.english}|{other.english}",
            f"{self.german}|{other.german}",
            f"{self.german_last}|{other.german_last}",
        )


def pattern(source: str) -> re.Pattern[str]:
    """``source`` compiled so that an umlaut matches its spelling-out too: ``lösch`` finds *loesch*."""
    for umlaut, spelt in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        source = source.replace(umlaut, f"(?:{umlaut}|{spelt})")
    return re.compile(source)


def one_of(*alternatives: str) -> str:
    """A group that matches one of ``alternatives``."""
    return f"(?:{'|'.join(alternatives)})"


def words(listed: str, *phrases: str) -> str:
    """A group that matches one of the words ``listed`` (separated by spaces) or one of ``phrases``, as whole words."""
    return rf"\b{one_of(*phrases, *listed.split())}\b"


def parted(verb: str, particle: str) -> str:
    """A separable German verb in its imperative: *lade … hoch*."""
    return rf"{verb}(?=[^\n]{{0,160}}\b{particle}\b)"


# --- verbs ---------------------------------------------------------------------------------------------------------

ERASE = Verbs(
    english="delete|erase|wipe(?: out)?|destroy|nuke|overwrite|remove|trash|shred|purge|format|zero(?: out)?|obliterate"
    "|get rid of",
    german=r"lösche?|lösch|entferne?|vernichte|zerstöre?|formatiere?|überschreibe?|schreddere?|säubere?|"
    + "|".join((parted("wische?", "weg"), parted("mache?", "platt"), parted("räume?", "leer"))),
    german_last=r"(?:weg|aus)?lösch(?:en|st|t)|entfern(?:en|st|t)|vernichte(?:n|st|t)|zerstör(?:en|st|t)"
    r"|formatier(?:en|st|t)|überschreib(?:en|st|t)|schredder[nt]|platt(?:machen|machst|macht)|platt machen",
)
DROP = Verbs(
    english="drop|truncate|terminate|tear down|take down|empty|clear out",
    german="droppe?|trunkiere?|leere?|" + parted("mache?", "leer"),
    german_last="drop(?:pen|pst|pt)|trunkieren|leer(?:en|st|t)|abreißen",
)
PRINT = Verbs(
    english="print(?: out)?|show|display|dump|output|reveal|cat|echo|paste|read out|tell|give|type out",
    german="zeige?|verrate?|drucke?|nenne?|poste|" + "|".join((parted("gib", "aus"), parted("lie?s", "vor"))),
    german_last="(?:an|vor)?zeig(?:en|st|t)|ausgeb(?:en|t)|ausgibst|ausdrucken|vorlesen|verraten|nennen|posten",
)
SEND = Verbs(
    english="send|upload|post|e-?mail|mail|exfiltrate|leak|forward|share|publish|paste|push|commit|transmit|copy|copies"
    "|tweet|submit|dm|message|transfer",
    german="schicke?|sende|maile|poste|kopiere?|teile?|übertrage?|veröffentliche?|pushe|committe|leake|verschicke?|"
    + "|".join(
        (parted("lade?", "hoch"), parted("leite?", "weiter"), parted("gib", "weiter"), parted("stelle?", "ein"))
    ),
    german_last=r"(?:ver)?schick(?:en|st|t)|(?:ver)?send(?:en|est|et)|mail(?:en|st|t)|hoch(?:zu)?laden|hochläd(?:st|t)"
    r"|posten|postest|postet|kopier(?:en|st|t)|teil(?:en|st|t)|übertrag(?:en|st|t)|überträg(?:st|t)"
    r"|veröffentlich(?:en|st|t)|weiter(?:leiten|leitest|leitet|geben|gibst|gibt)|stell(?:en|st|t)|pushe?n|leaken",
)
GATHER = Verbs(
    english="collect|gather|find|grab|zip|tar|read|export|extract|dump|take|search for|pack|harvest|steal|fetch|copy"
    "|get",
    german="sammle|suche?|finde|packe|zippe?|exportiere?|extrahiere?|kopiere?|hole?|nimm|stiehl|klaue?|"
    + parted("lie?s", "aus"),
    german_last=r"(?:ein)?sammel[nt]|such(?:en|st|t)|find(?:en|est|et)|pack(?:en|st|t)|auslesen|ausliest|exportier(?:en|st|t)"
    r"|klau(?:en|st|t)|stehlen|stiehlst|stiehlt",
)
MAKE = Verbs(
    english="write|build|create|make|code|develop|program|generate|implement|craft|design|give|set up|produce|prepare"
    "|provide|deploy|launch|need|script",
    german="schreibe?|baue?|bastle|erstelle?|programmiere?|entwickle|generiere?|erzeuge?|mache?|gib|liefere?|kodiere?|"
    + parted("setze?", "auf"),
    german_last=r"schreib(?:en|st|t)|(?:auf|zu)?(?:zu)?bau(?:en|st|t)|erstell(?:en|st|t)|programmier(?:en|st|t)"
    r"|entwickel[nt]|entwickelst|generieren|erzeugen|basteln|machen|geben",
)
PLANT = Verbs(
    english="add|install|hide|plant|insert|put|embed|leave|inject|implant|include",
    german="versteck(?:e|t)?|installiere?|füge?|platziere?|pflanze?|" + parted("baue?", "ein"),
    german_last="(?:ein)?bauen|einbaust|verstecken|versteckst|installieren|einfügen|platzieren|einschleusen",
)
DISABLE = Verbs(
    english="disable|turn off|switch off|deactivate|shut down|kill|stop|remove|uninstall",
    german="deaktiviere?|entferne?|stoppe?|beende|"
    + "|".join((parted("schalte?", "(?:ab|aus)"), parted("stelle?", "ab"))),
    german_last="deaktivieren|deaktivierst|ab(?:zu)?schalten|abschaltest|ausschalten|abstellen|entfernen|stoppen|beenden",
)
RUN = Verbs(
    english="run|execute|start|launch|type|paste|enter|do|issue|invoke|fire off|try|use|call|perform|schedule",
    german="starte|tippe|nutze|benutze|verwende|exekutiere?|mache?|"
    + "|".join((parted("führe?", "(?:aus|durch)"), parted("gib", "ein"), parted("lasse?", "laufen"))),
    german_last="aus(?:zu)?führen|ausführst|ausführt|laufen lassen|starten|startest|startet|eingeben|eintippen",
)

# --- what makes a thing harmless -----------------------------------------------------------------------------------

WHOLE = (
    r"(?!['’]s\b|/\w|\.\w|-\w)(?![-\s]"
    + one_of(
        r"buttons?|endpoints?|dialogs?|functions?|methods?|options?|menus?|routes?|pages?|views?|screens?|forms?|fields?",
        r"toggles?|icons?|components?|inputs?|prompts?|placeholders?|hints?|labels?|flags?|features?|permissions?|warnings?",
        r"rules?|polic(?:y|ies)|passwords?|credentials|connections?|urls?|strings?|names?|users?|hosts?|ports?|sizes?|types?",
        r"ind(?:ex|exes|ices)|configs?|settings?|setup|sections?|docs?|documentation|guides?|class|models?|entr(?:y|ies)",
        r"usage|cache|space|images?|quotas?|reports?|letters?|schedules?|jobs?|rotation|formats?|managers?|hash(?:es)?",
        r"length|strength|validation|resets?|checks?|tests?|folders?|director(?:y|ies)",
        r"ordner|rotieren|richtlinie|verwaltung|feld(?:er)?|schaltfläche|formular|seite|knopf",
    )
    + r"\b)"
)
"""Behind an object: it is meant itself, not something named after it (*backup page*, *Backup-Seite*)."""

RESTRICTED = words(
    "older oldest old outdated stale expired except keep keeping ending matching named only temp tmp"
    r" älter\w* alte[nrms]? veraltete\w* abgelaufene\w* außer behalte\w* stehen nur letzten",
    "but (?:leave|not)",
    "that (?:end|start|match|are|were|have)",
    "bis auf",
)
"""Not all of it, but a part that somebody chose."""

LAB = words(
    r"containers? sandbox\w* vms? virtual virtuelle\w* docker\w* staging\w* test\w* dummy mock\w* fixtures? usb\w*"
    r" throw-?away wegwerf\w* (?<!/)dev(?!/) qemu vagrant minikube devcontainer ci localhost lokale\w* sd-karte",
    "sd[- ]card",
)
"""A place where nothing is lost."""

_STORES = r"(?:the |our |der |dem )?(?:prod|production|live|servers?|system|database|disk|cloud)\b"
NOT_FROM_A_LIST = rf"(?! (?:from|out of|aus) (?!{_STORES}))"
"""Behind an object: it is not taken off a list, out of a menu or a configuration."""

ELSEWHERE = words(r"(?:test|staging|sandbox|scratch|dev|local)[- ]?(?:database|datenbank|db|cluster|server|schema)")
"""Not production after all."""

STEALTH = words(
    r"nobody noone unnoticed undetected niemand\w* unbemerkt heimlich tracks spuren vertusch\w* forensic\w*",
    "no one",
    r"without (?:being |anyone |anybody )?\w*notic\w*",
    "ohne,? dass (?:es )?(?:jemand|wer|einer)",
    "cover (?:our|my|the|up)",
    "hide what",
    "damit (?:es )?keiner",
)

# --- what can be erased --------------------------------------------------------------------------------------------

_MACHINE_EN = one_of(
    "computer|machine|laptop|pc|box|server|host|system|disks?|drives?|hard (?:disk|drive)|ssd|nas|file ?system"
)
_MACHINE_DE = one_of(
    r"festplatten?|platten?|rechner\w*|computers?|laptops?|servern?|systems?|pc|ssd|nas|dateisystems?|laufwerke?n?"
)
_HOME_EN = "home (?:folder|directory|dir)"
_ON_THE_DE = r"(?:auf|von|in|im|vom)(?: (?:der|dem|den|allen|(?:mein|dies|unser)e[mnr]?))?"
_EVERYTHING = one_of("everything", "all(?: of)?(?: the| my| our)? (?:files|data|folders)", "every(?: single)? file")

WHOLE_MACHINE = one_of(
    rf"{_EVERYTHING} (?:on|in|from|under) (?:(?:this|the|my|our|your|company) ){{0,2}}(?:{_MACHINE_EN}|{_HOME_EN})\b",
    rf"(?:whole|entire|complete|full) {one_of(_MACHINE_EN, _HOME_EN)}\b",
    rf"(?:my|this|your) (?:{_HOME_EN}|hard (?:drive|disk)|computer|laptop)\b",
    r"the (?:hard (?:drive|disk)|root (?:file ?system|directory|folder)|system (?:drive|disk|partition))\b",
    r"this (?:server|machine|computer|laptop|box) (?:clean|completely|entirely)\b",
    rf"{one_of(_EVERYTHING, 'alles', 'alle dateien')} (?:in|under|from|unter) [`']?[~/](?=[\s`',.!]|$)",
    r"[`']?/dev/(?:sd[a-z]|nvme\d|hd[a-z]|vd[a-z]|mmcblk\d|disk\d)\w*",
    r"(?:drive |laufwerk )?[c-z]:(?=\\?(?:[\s,.!]|$))",
    r"(?:c:\\windows\\)?system32\b",
    rf"(?:alles|(?:alle|sämtliche) (?:dateien|daten|ordner)) {_ON_THE_DE} {_MACHINE_DE}\b",
    rf"(?:ganze|gesamte|komplette|vollständige)[nrs]? (?:{_MACHINE_DE}|home\b\S*)",
    r"(?:die|meine|deine) (?:festplatte|systempartition|systemplatte)\b",
    r"(?:mein|dein)(?: ganzes| gesamtes| komplettes)? home-?(?:verzeichnis|ordner)?(?=[\s,.!]|$)",
)

PROD_DATA = one_of(
    "(?:prod|production|live) (?:(?:kubernetes|k8s|postgres|mysql|mongo|redis|aws|rds|s3|sql|web|app|customer) )?"
    r"(?:databases?|dbs?|data|tables?|clusters?|servers?|namespaces?|environment|buckets?|schema|systems?)\b",
    "(?:every|all)(?: of)?(?: the| our)? (?:tables?|databases?|namespaces?|rows|records|data) (?:in|on|from|of)"
    r"(?: the| our)? (?:prod|production|live)\b(?: (?:database|db|cluster|environment))?",
    r"(?:the|our) (?:database|db|cluster) (?:in|on) (?:prod|production|live)\b",
    r"all(?: of)?(?: the| our)? customer (?:data|records|accounts)\b",
    r"produktions-?(?:datenbank(?:en)?|db|daten|server[ns]?|cluster|umgebung|systeme?)\b",
    r"(?:prod|live)-?(?:db|datenbank|server|cluster|system|umgebung|daten)\b",
    r"(?:produktive[ns]?|echte[ns]?) (?:datenbank|kundendaten|datenbanken)\b",
    r"(?:alle|sämtliche)(?: unsere)? kundendaten\b",
    rf"(?:alle|sämtliche) (?:daten|tabellen) {_ON_THE_DE} (?:produktion|prod)\w*",
)

BACKUPS = one_of(
    r"(?:all|every|each)(?: of)?(?: (?!old|stale)[\w'’]+){0,4} backups?\b(?: files?)?",
    r"(?:the|our|my)(?: (?!old|stale|last)[\w'’]+)? backups\b",
    r"(?:alle|sämtliche|jede[ns]?|die|unsere|meine)(?: (?!alt|letzt)\w+){0,2}"
    r" (?:backups?|sicherungen|sicherungskopien|datensicherungen)\b",
)

PROTECTION = words(
    "firewalls? anti-?virus virenscanner virenschutz defender edr selinux",
    "virus scanners?",
    "windows defender",
    "audit[- ]?log(?:s|ging)?",
)

# --- secrets -------------------------------------------------------------------------------------------------------

_NOT_PUBLIC = r"(?!\.pub)(?![\w/.-]*(?:\.pub|known_hosts|config|authorized_keys)\b)"
_BROWSER = "(?:browser|chrome|firefox|safari|edge)"
_LOGINS = "(?:passwords?|passwörter|cookies|logins|zugangsdaten)"

PRIVATE_KEYS = one_of(
    rf"(?:[\w~/$.]*/)?\.ssh\b{_NOT_PUBLIC}(?:/\*|/?(?:id_\w+)?)(?: folder| directory)?",
    rf"\bid_(?:rsa|ed25519|ecdsa|dsa)\b{_NOT_PUBLIC}",
    r"private[nr]? (?:ssh[- ]?)?(?:keys?|schlüssel)\b",
    r"ssh private keys?\b",
    r"(?:[\w~/$.]*/)?\.(?:aws|gnupg|kube)\b(?:/(?:credentials|config))?(?: folder| directory)?",
    "(?:aws|gcp|azure|cloud|google cloud)[- ]"
    "(?:credentials|(?:secret |access ){0,2}keys?|secrets?|zugangsdaten|schlüssel)",
    r"service[- ]account keys?\b",
    rf"{_BROWSER}[- ]{_LOGINS}",
    rf"(?:im {_BROWSER} )?gespeicherte[nr]? {_BROWSER}-?{_LOGINS}",
    rf"im {_BROWSER} gespeicherte[nr]? {_LOGINS}",
    rf"(?:saved|stored) {_BROWSER} {_LOGINS}",
    rf"{_LOGINS} (?:saved |stored )?(?:in|from) (?:the |my |this )?(?:{_BROWSER}|keychain)",
    rf"{_LOGINS} (?:aus|in|im|von|vom) (?:dem |meinem |diesem )?(?:{_BROWSER}|schlüsselbund)",
    r"(?:macos )?keychain\b",
    r"schlüsselbund\b",
    r"/etc/shadow\b",
    "(?:wallet|seed) (?:phrase|keys?)",
)
"""What is a harm to show at all."""

SSH_KEYS = r"(?<!public )ssh-?(?: ?keys?|schlüssel)\b"
ENV_FILE = r"(?<!\w)[\w~/-]*\.env\b(?!\.(?:example|sample|template|dist|test))(?:-dateie?n?| files?)?"
SECRETS = (
    r"(?:api[- ]?keys|api-?schlüssel|(?:access |api[- ])?tokens|secrets|geheimnisse|credentials|passwords|passwörter"
    r"|zugangsdaten|login-?daten)\b"
)
SECRET = one_of(SECRETS, r"(?:api[- ]?key|(?:access |api[- ])?token|secret|password|passwort)\b")
ALL_SECRETS = (
    "(?:all|every|each|our|my|any|alle|sämtliche|meine|unsere)"
    rf"(?: (?:of|the|my|our|die|meine|unsere|\w+e[nr]?)){{0,3}} (?:\w+ )?{SECRETS}"
)
ALL_SECRETS_HERE = one_of(
    "(?:contents?|values?|inhalte?|werte?)(?: of| from| der| von| aus)?"
    rf"(?: (?:my|the|our|die|meiner|unserer))? {ENV_FILE}",
    rf"(?:all|every|each|alle|sämtliche)(?: \w+){{0,3}} {SECRET}"
    r"(?=[^\n]*(?:\benvironment|umgebungsvariablen|\.env\b|\bthis (?:machine|computer)|diesem rechner))",
    "(?:all|every|alle)(?: of)? (?:my|our|meine|unsere)(?: \\w+)?"
    " (?:api[- ]?(?:keys?|tokens)|secrets|passwords|credentials|passwörter)",
)

_ADDRESS = r"[\w.+-]+@[\w-]+\.\w"
_STRANGERS = words(
    r"gists? pastebin forum twitter attacker\w* angreifer\w* unbekannt\w* fremde\w* strangers?",
    "paste bin",
    r"(?:public|öffentliche\w*)(?= (?!key|api|url|schlüssel))",
)
TO_PEOPLE = one_of(_ADDRESS, _STRANGERS, r"\b(?:telegram|discord|whatsapp)\b(?! (?:api|sdk|server|bot api))")
"""Places where people read what is sent."""
OUTSIDE = one_of(
    _ADDRESS,
    _STRANGERS,
    r"https?://|\bftp://|\b\d{1,3}(?:\.\d{1,3}){3}\b",
    r"webhook|telegram|discord|whatsapp|transfer\.sh|requestbin|ngrok",
    r"\bextern(?:al|e\w*)?\b|\bcompetitor|\bkonkurren\w*",
)
"""Places that are not the developer's own, or may not be."""
EXFILTRATE = r"\b(?:exfiltrate|tweet|leake?) (?:the|our|my|all|meine\w*|unsere\w*|alle|die)\b"
SENDING = one_of(
    rf"\b(?:{SEND.english})(?:e?s)?\b(?! (?:an? |the )?(?:\w+ )?(?:requests?|messages?|summary|notification))",
    rf"\b(?:{SEND.german}|{SEND.german_last})\b",
)
PROPER_WAY = words(
    r"headers? authorization bearer ssh-copy-id vault masked redact\w* encrypt\w* verschlüsselt parameter payload"
    " request query never nie niemals not nicht",
    "secrets?[- ]manager",
    "github secrets?",
    "public key",
    r"öffentliche\w* (?:ssh-?)?(?:schlüssel|key)",
)
NOT_THE_VALUE = words(
    r"public öffentliche\w* fingerprint fingerabdruck names? namen masked maskiert\w* path pfad pages? seite settings"
    " form toggle checkbox screen ui view tests? without ohne",
    r"(?<=\.)pub",
)

# --- malware -------------------------------------------------------------------------------------------------------

_ITSELF = (
    r"(?![-\s]"
    + one_of(
        r"detect\w*|scann\w*|protect\w*|prevent\w*|defen[cs]e\w*|awareness|training|filter\w*|rules?|samples?|simulat\w*",
        r"tests?|attacks?|incidents?|reports?|articles?|games?|checks?|signatures?|classif\w*|quiz|response|policy",
        r"playbook|talk|traffic|findings?|blocker|removal|cleanup|emails? (?:detector|filter)",
        r"regel\w*|statistik\w*|analy\w*",
    )
    + r"\b)(?!-(?!skript|script|programm?|tool|software|app|virus)\w)"
    r"(?!\s?(?:schutz|erkenn|abwehr|schulung|übung|filter|vorfall|angriff|scanner|test|warnung|bericht))"
)
"""Behind a kind of malware: it is meant itself, not what is done against it."""

_NEW = "".join(rf"(?<!\b{word} )" for word in ("the", "our", "der", "die", "das", "den"))
"""Before a kind of malware: there is none yet. *The phishing page* is one that somebody talks about."""

MALWARE = (
    _NEW
    + one_of(
        "ransomware|erpressungstrojaner|verschlüsselungstrojaner|key-?loggers?|trojan(?: horse)?|trojaners?",
        "rootkits?|botnets?|botnetz(?:es)?|spyware|stalkerware|malware|schadsoftware|computer ?virus",
        "info-?stealer|stealer|(?:token|cookie|password)[- ]grabber|crypto-?locker",
        "(?:disk|data) wiper|c2 server|exploit kit",
        "rats?(?= (?:for|in|that|which|to|für|der|die|das))",
        "phishing[- ](?:kit|page|site|seite|website|webseite|mail|e-?mail|kampagne|campaign|login)s?",
    )
    + rf"\b{_ITSELF}"
)
MALWARE_CUES = (
    *("ransom", "logger", "trojan", "rootkit", "botne", "malware", "spyware", "stalkerware"),
    *("schadsoftware", "virus", "stealer", "grabber", "wiper", " rat ", "phish", "c2 server", "crypto", "exploit"),
)
WORM = one_of(
    "(?:self-replicating|self-spreading|computer|network|email) (?:worm|virus)",
    r"computer-?wurm",
    r"(?:worm|virus|wurm)\b(?=[^.\n]{0,40}\b(?:spreads?|replicat\w*|infects?|infiziert|verbreitet|weiterverbreitet))",
)
BACKDOOR = rf"{_NEW}(?:back-?doors?|back door|hintertür(?:en)?)\b{_ITSELF}"
FAKE_LOGIN = (
    r"(?:fake|gefälschte\w*|nachgemachte\w*)(?: [\w-]+){0,3}?[ -]?(?:[\w-]+-)?"
    r"(?:login|anmelde\w*|log-in|sign-?in|bank\w*)(?:[ -](?:page|site|form|screen|seite|maske))?"
)
BOOTY = (
    r"(?:passw\w*|credentials?|cookies|session tokens?|(?:discord )?tokens|credit card(?: (?:numbers|data)|s)?"
    r"|kreditkarten\w*|zugangsdaten|bank\w*|wallets?|logins?|keystrokes?|tastatureingaben)\b"
)
AGAINST_IT = words(
    r"awareness trainings? schulung\w* workshops? lessons? unterricht\w* lehr\w* quiz detect\w* erkenn\w* protect\w*"
    r" schütz\w* against gegen prevent\w* ctf hackthebox novel roman kurzgeschichte story simulat\w* simulier\w*"
    r" warn\w*"
)
VICTIM = one_of(
    r"\bvictims?|\bopfer\w*|\btarget'?s|\bmy ex\b|\bsomeone else'?s|\bcompetitor|\bkonkurren\w*|\bcompany'?s network",
    r"\b(?:ex|wife|husband|girlfriend|boyfriend|neighbou?r|boss|colleague|roommate)(?:-?\w+)?['’]s",
    r"\b(?:freundin|frau|mann(?:es)?|nachbar\w*|chefs?|kollegen|firmennetz)",
    r"\b(?:past|bypass\w*) (?:the )?(?:antivirus|windows defender|defender|edr)",
)
