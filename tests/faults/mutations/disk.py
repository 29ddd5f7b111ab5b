"""Guards against a disk that is full, read-only or damaged, and files that are half written."""

from __future__ import annotations

from tests.faults.mutations import Mutation

_START = "tests/faults/test_disk_start.py"
_FULL = "tests/faults/test_disk_full.py"
_SETTINGS = "tests/faults/test_disk_settings.py"
_DOCTOR = "tests/faults/test_disk_doctor.py"
_STORE = "tests/store/test_database.py"
_BUDGET = "tests/gates/test_budget.py"
_STAND_IN = "tests/faults/test_disk_stand_in.py"
_JOURNAL = "tests/test_journal.py"
_LAST = "tests/test_last_settings.py"
_DOTENV = f"{_SETTINGS}::test_a_half_written_dotenv_is_refused_in_words_and_no_limit_in_it_is_passed_over"
_YAML = f"{_SETTINGS}::test_a_half_written_config_yaml_is_refused_in_words"

MUTATIONS = (
    Mutation(
        "only a plain DatabaseError is damage",
        "gateway_core/store/errors.py",
        "return type(error) is sqlite3.DatabaseError and _code(error) in",
        "return isinstance(error, sqlite3.DatabaseError) or _code(error) in",
        f"{_STORE}::test_a_locked_file_is_not_taken_for_a_damaged_one",
    ),
    Mutation(
        "a newer database is not touched",
        "gateway_core/store/migrations.py",
        "if version > len(MIGRATIONS):",
        "if False:",
        f"{_STORE}::test_a_newer_file_is_refused_and_not_touched",
    ),
    Mutation(
        "a damaged database takes its log with it",
        "gateway_core/store/files.py",
        'for suffix in ("-wal", "-shm", ""):',
        'for suffix in ("",):',
        f"{_STORE}::test_a_new_database_never_meets_the_log_of_a_damaged_one",
    ),
    Mutation(
        "a damaged file is never renamed over another",
        "gateway_core/store/files.py",
        "while aside.exists():",
        "while False:",
        f"{_STORE}::test_two_damaged_files_in_one_second_are_both_kept",
    ),
    Mutation(
        "the ledger and the kill switch are carried over from a damaged database",
        "gateway_core/store/files.py",
        '_CARRIED_OVER = ("reservations", "operator")',
        '_CARRIED_OVER = ("reservations",)',
        f"{_STORE}::test_the_ledger_and_the_kill_switch_survive_a_damaged_file",
    ),
    Mutation(
        "a read-only disk is found at the start",
        "gateway_core/store/files.py",
        'connection.execute(f"PRAGMA user_version = {version}")',
        "pass",
        f"{_STORE}::test_a_read_only_disk_is_said_so_at_the_start",
    ),
    Mutation(
        "no paid call when the ledger cannot be written",
        "gateway_core/gates/budget.py",
        """            self._forget(reservation)
            self._ledger_failed(error)
            return self._ledger_refusal()""",
        """            self._ledger_failed(error)""",
        f"{_BUDGET}::test_a_full_disk_stops_paid_calls_and_costs_nothing",
    ),
    Mutation(
        "what could not be settled stays reserved",
        "gateway_core/gates/budget.py",
        """            self._unwritten[key] = ending
            self._ledger_failed(error)""",
        """            self._book(ending)
            self._ledger_failed(error)""",
        f"{_BUDGET}::test_a_settlement_that_cannot_be_written_stays_counted_and_is_tried_again",
    ),
    Mutation(
        "the kill switch is kept once the disk has room",
        "gateway_core/commands.py",
        """            self._unsaved.set()
            raise""",
        """            raise""",
        f"{_FULL}::test_a_kill_switch_works_on_a_full_disk_and_is_kept_for_a_restart_once_there_is_room",
    ),
    Mutation(
        "a full disk keeps nobody from the lock",
        "gateway_core/store/lock.py",
        "with suppress(OSError):  # a full disk",
        "with suppress(ValueError):  # a full disk",
        f"{_START}::test_a_full_disk_keeps_nobody_from_the_lock",
    ),
    Mutation(
        "a folder in place of a file is named",
        "gateway_core/store/files.py",
        "if path.is_dir():",
        "if False:",
        f"{_START}::test_a_data_folder_that_cannot_be_used_is_one_line_that_says_what_to_do",
    ),
    Mutation(
        "a log that cannot be written is no traceback",
        "llmgw_tui/logs.py",
        "    except OSError as error:\n",
        "    except ValueError as error:\n",
        f"{_START}::test_a_log_that_cannot_be_written_is_told_and_is_no_reason_to_stop",
    ),
    Mutation(
        "every log file is private",
        "llmgw_tui/logs.py",
        ", opener=_private",
        "",
        f"{_START}::test_the_files_that_follow_a_full_log_are_private_whatever_the_umask",
    ),
    Mutation(
        "nothing is kept in a home that is none",
        "gateway_core/settings_sources.py",
        "if not folder.is_absolute():",
        "if False:",
        f"{_START}::test_without_a_home_no_folder_is_made_where_llmgw_is_started",
    ),
    Mutation(
        "a line of .env that is cut off is not passed over",
        "gateway_core/settings_sources.py",
        "if statement.error:",
        "if False:",
        _DOTENV,
    ),
    Mutation(
        "whatever YAML says of a half-written file is a SettingsError",
        "gateway_core/settings_sources.py",
        "BAD_YAML = (ValueError, LookupError, TypeError, AttributeError, RecursionError)",
        "BAD_YAML = (UnicodeDecodeError,)",
        _YAML,
    ),
    Mutation(
        "an endless limit is no limit",
        "gateway_core/settings.py",
        'extra="ignore", allow_inf_nan=False',
        'extra="ignore"',
        _YAML,
    ),
    Mutation(
        "the doctor sees a key that others may read",
        "llmgw_tui/doctor_files.py",
        "layer.file.stat().st_mode & _OTHERS:",
        "False:",
        f"{_DOCTOR}::test_a_key_in_a_file_that_others_may_read_is_a_failure",
    ),
    Mutation(
        "the doctor looks without a change",
        "llmgw_tui/doctor_store.py",
        "immutable=not in_use and not has_log",
        "immutable=False",
        f"{_DOCTOR}::test_the_doctor_changes_nothing_and_tells_of_calls_that_a_crash_cut_off",
    ),
    Mutation(
        "the doctor reads the whole database",
        "llmgw_tui/doctor_store.py",
        'if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:',
        "if False:",
        f"{_DOCTOR}::test_a_damaged_database_is_found_and_left_where_it_is",
    ),
    Mutation(
        "the doctor follows no redirect",
        "llmgw_tui/doctor_network.py",
        "allow_redirects=False",
        "allow_redirects=True",
        f"{_DOCTOR}::test_a_base_url_that_redirects_is_named_and_gets_no_key",
    ),
    Mutation(
        "the doctor sees a key that is not encrypted on its way",
        "llmgw_tui/doctor_network.py",
        'if upstream.key and parts.scheme == "http" and not is_loopback(host):',
        "if False:",
        f"{_DOCTOR}::test_a_key_that_would_go_over_the_network_unencrypted_is_a_failure",
    ),
    Mutation(
        "the doctor sees a key that can be guessed",
        "llmgw_tui/doctor_network.py",
        "    elif refused:\n",
        "    elif False:\n",
        f"{_DOCTOR}::test_a_key_that_can_be_guessed_is_a_failure_where_others_can_try_it",
    ),
    Mutation(
        "the doctor names who has the folder",
        "gateway_core/store/lock.py",
        "return FolderInUse(folder, _pid_in(descriptor))",
        "return None",
        f"{_DOCTOR}::test_another_llmgw_on_the_folder_is_named_with_its_process",
    ),
    Mutation(
        "nothing is reserved in a database that forgets",
        "gateway_core/store/ledger.py",
        "if self._database.why_temporary:",
        "if False:",
        f"{_STAND_IN}::test_a_paid_request_is_refused_with_the_reason_and_what_to_do_and_no_provider_is_called",
    ),
    Mutation(
        "no decision is said to be kept by a database that forgets",
        "gateway_core/store/operator.py",
        "if self._database.why_temporary:",
        "if False:",
        f"{_STAND_IN}::test_a_kill_switch_is_in_force_and_told_to_be_lost_with_the_process",
    ),
    Mutation(
        "a kill switch in a file that cannot be used stays on",
        "gateway_core/store/temporary.py",
        "return connection, _take_over(file, connection)",
        "return connection, True",
        f"{_STAND_IN}::test_a_kill_switch_that_is_on_in_a_newer_file_stays_on",
    ),
    Mutation(
        "a file that another program locks is not served around",
        "gateway_core/store/errors.py",
        "StoreError if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else StoreUnusable",
        "StoreUnusable",
        "tests/store/test_temporary.py::test_a_file_that_another_program_keeps_locked_is_refused",
    ),
    Mutation(
        "a read-only folder is locked",
        "gateway_core/store/lock.py",
        "held = _held_folder(folder)",
        "held = os.open(folder, _LOOKING)",
        f"{_STAND_IN}::test_a_second_instance_is_refused_and_every_file_is_as_it_was",
    ),
    Mutation(
        "it is told when the ledger fails, and when it does not any more",
        "gateway_core/composition.py",
        "self._budget.on_ledger = self._ledger_changed",
        "pass",
        f"{_FULL}::test_serve_prints_a_line_when_a_full_disk_stops_paid_calls_and_one_when_it_is_well_again",
    ),
    Mutation(
        "what the disk did not take of the request log is kept",
        "gateway_core/journal.py",
        "self._keep(noted, result)",
        "pass",
        f"{_JOURNAL}::test_rows_that_a_full_disk_did_not_take_are_written_once_there_is_room",
    ),
    Mutation(
        "what is kept of the request log is bounded",
        "gateway_core/journal.py",
        "if len(self._unwritten) > MOST_UNWRITTEN:",
        "if False:",
        f"{_JOURNAL}::test_the_oldest_are_lost_where_there_are_too_many_and_how_many_is_told",
    ),
    Mutation(
        "a broken configuration never takes the place of the one that worked",
        "gateway_core/last_settings.py",
        "        files.as_of(texts).load()\n        content",
        "        content",
        f"{_LAST}::test_a_broken_configuration_never_takes_the_place_of_the_one_that_worked",
    ),
    Mutation(
        "a configuration that was named and is gone is not remembered",
        "gateway_core/last_settings.py",
        " or (files.config_file in texts) > files.config_file.exists()",
        "",
        f"{_LAST}::test_a_start_is_refused_where_something_else_is_wrong",
    ),
    Mutation(
        "a key that no client can send is refused",
        "gateway_core/keys.py",
        "if not key.isprintable():",
        "if False:",
        f"{_DOCTOR}::test_a_secret_file_with_a_line_break_in_it_is_named_with_what_to_do",
    ),
)
