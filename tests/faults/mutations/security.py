"""Guards of the front door, of keys, and of terminals."""

from __future__ import annotations

from tests.faults.mutations import Mutation

_DOOR = "tests/faults/test_security_front_door.py"
_KEYS = "tests/faults/test_security_keys.py"
_UPSTREAMS = "tests/faults/test_security_upstreams.py"
_CRASHES = "tests/faults/test_security_crashes.py"

MUTATIONS = (
    Mutation(
        "a Host that is not this machine's is not served",
        "gateway_core/http/guards.py",
        "if not _host_is_known(request.host, allowed, wide):",
        "if False:",
        f"{_DOOR}::test_every_route_refuses_a_host_that_dns_was_rebound_to",
    ),
    Mutation(
        "a foreign Origin is not served",
        "gateway_core/http/guards.py",
        "if origin is not None and not _host_is_known(_netloc(origin), allowed, wide=False):",
        "if False:",
        f"{_DOOR}::test_every_route_refuses_a_foreign_origin",
    ),
    Mutation(
        "a wrong key opens nothing",
        "gateway_core/http/guards.py",
        "if access is None:",
        "if False:",
        f"{_DOOR}::test_every_route_but_health_refuses_who_has_no_key",
    ),
    Mutation(
        "the monitors' token only looks",
        "gateway_core/http/guards.py",
        "if access is Access.MONITOR and not _may_monitor(request):",
        "if False:",
        f"{_DOOR}::test_a_monitors_token_opens_no_other_route_and_is_told_so",
    ),
    Mutation(
        "a body is called JSON",
        "gateway_core/http/guards.py",
        'request.method not in READS and request.content_type != "application/json":',
        "False:",
        f"{_DOOR}::test_every_write_refuses_a_body_that_is_not_called_json",
    ),
    Mutation(
        "keys are compared in constant time",
        "gateway_core/keys.py",
        "return hmac.compare_digest(digest, sha256(key.encode()).digest())",
        "return bool(hmac) and digest == sha256(key.encode()).digest()",
        f"{_DOOR}::test_a_key_is_compared_in_constant_time_with_every_key_there_is",
    ),
    Mutation(
        "a weak key does not listen beyond loopback",
        "gateway_core/keys.py",
        "if key and (why := weakness(key)):",
        'if key and (why := weakness(key) and ""):',
        f"{_KEYS}::test_a_short_or_common_key_is_refused_beyond_loopback",
    ),
    Mutation(
        "who listens beyond loopback is warned",
        "gateway_core/keys.py",
        "if not is_loopback(self._settings.host):",
        "if False:",
        f"{_KEYS}::test_who_listens_beyond_loopback_is_warned_and_who_does_not_is_not",
    ),
    Mutation(
        "the old key ends with its grace",
        "gateway_core/keys.py",
        "is_former = _same(digest, self.former) and bool(self.former) and now < self.until",
        "is_former = _same(digest, self.former) and bool(self.former)",
        f"{_KEYS}::test_both_keys_are_taken_until_the_grace_is_over_and_the_caller_stays_the_same",
    ),
    Mutation(
        "an empty key is nobody's",
        "gateway_core/keys.py",
        "is_former = _same(digest, self.former) and bool(self.former) and now < self.until",
        "is_former = _same(digest, self.former) and now <= max(now, self.until)",
        f"{_DOOR}::test_every_route_but_health_refuses_who_has_no_key",
    ),
    Mutation(
        "the old key can be ended at once",
        "gateway_core/keys.py",
        '_write(settings.data_dir, replace(rotation, former="", until=0.0))',
        "_write(settings.data_dir, rotation)",
        f"{_KEYS}::test_a_grace_of_nothing_and_an_end_at_once_leave_one_key",
    ),
    Mutation(
        "a key changed by hand is another caller's",
        "gateway_core/keys.py",
        "if rotation is None or name not in rotation.fingerprints:",
        "if rotation is None:",
        f"{_KEYS}::test_a_key_changed_by_hand_is_another_caller_and_ends_the_old_one",
    ),
    Mutation(
        "answers are shared only in a team",
        "gateway_core/cache/team.py",
        'return name if caller and caller == self._own else ""',
        "return name",
        f"{_KEYS}::test_the_callers_of_a_team_are_those_with_its_gateways_key",
    ),
    Mutation(
        "cached answers are their caller's",
        "gateway_core/cache/identity.py",
        "head = [request.caller, target_scope,",
        "head = [target_scope,",
        f"{_KEYS}::test_callers_with_different_keys_share_no_answer_no_conversation_and_no_idempotency_key",
    ),
    Mutation(
        "files are their owner's whatever the umask",
        "llmgw_tui/cli.py",
        "    keep_private()\n",
        "",
        f"{_KEYS}::test_a_command_makes_files_for_its_user_alone_whatever_the_umask",
    ),
    Mutation(
        "a password in an upstream's address is known as a secret",
        "gateway_core/redaction.py",
        "    yield from _passwords_of(settings)\n    own = ",
        "    own = ",
        f"{_KEYS}::test_a_password_in_an_upstreams_address_is_kept_out_of_records_and_logs",
    ),
    Mutation(
        "rows are recorded without keys",
        "gateway_core/journal.py",
        "detail = replace(detail, row=self._secrets.without(detail.row))",
        "detail = replace(detail)",
        f"{_DOOR}::test_a_key_that_is_sent_as_a_models_name_is_recorded_masked",
    ),
    Mutation(
        "an attached screen follows no redirect",
        "llmgw_tui/source_http.py",
        '"allow_redirects": False}',
        '"allow_redirects": True}',
        f"{_UPSTREAMS}::test_an_attached_control_centre_follows_no_redirect_with_its_key",
    ),
    Mutation(
        "a redirect takes no key along",
        "gateway_core/providers/connections.py",
        "allow_redirects=False",
        "allow_redirects=True",
        f"{_UPSTREAMS}::test_a_redirect_takes_no_key_and_no_prompt_to_another_host[307]",
    ),
    Mutation(
        "a beta that goes on is a word",
        "gateway_core/wire/anthropic_native.py",
        "for beta in named if _BETA.fullmatch(beta)))",
        "for beta in named if beta))",
        f"{_UPSTREAMS}::test_headers_of_a_caller_go_no_further_but_two_that_anthropic_knows",
    ),
    Mutation(
        "what is pulled has a name that a registry can know",
        "gateway_core/model_commands.py",
        "        parse_name(name)\n",
        "        name.strip()\n",
        f"{_UPSTREAMS}::test_a_models_name_leads_nowhere_else[/etc/passwd]",
    ),
    Mutation(
        "a model's name does not climb",
        "gateway_core/model_commands.py",
        """ or ".." in re.split(r"[/\\\\:]", name):""",
        ":",
        f"{_UPSTREAMS}::test_a_models_name_leads_nowhere_else[a/../../b]",
    ),
    Mutation(
        "the log has one clean line for each record",
        "llmgw_tui/logs.py",
        'return one_line(f"{self.formatTime(record)} {self.redactor.clean(super().format(record))}")',
        'return f"{self.formatTime(record)} {self.redactor.clean(super().format(record))}"',
        f"{_CRASHES}::test_an_exception_in_the_log_is_told_without_its_text_and_known_keys_are_left_out",
    ),
    Mutation(
        "the log is without known keys",
        "llmgw_tui/logs.py",
        "self.redactor.clean(super().format(record))",
        "super().format(record)",
        f"{_CRASHES}::test_an_exception_in_the_log_is_told_without_its_text_and_known_keys_are_left_out",
    ),
    Mutation(
        "a crash of the screen shows no variable",
        "llmgw_tui/app.py",
        "Text(crash_report(error) if error else",
        "Text(repr(error) if error else",
        f"{_CRASHES}::test_a_crash_of_the_screen_prints_whole_places_no_variable_and_no_text",
    ),
    Mutation(
        "a crash of a command shows no text",
        "llmgw_tui/cli.py",
        "    sys.excepthook = _crashed\n",
        "",
        f"{_CRASHES}::test_an_exception_that_ends_a_command_is_told_without_its_text",
    ),
    Mutation(
        "control characters are drawn as pictures",
        "llmgw_tui/text.py",
        "return chr(0x2400 + code)",
        "return character",
        "tests/tui/test_text.py::test_nothing_a_terminal_acts_on_survives",
    ),
)
