"""The defects that load_tests/sabotage.py plants: each a plausible mistake, and the test that must notice it."""

from typing import NamedTuple

LOG = "collector/log/sqlite.py"
WRITING = "collector/log/sqlite_writing.py"
SQLITE_LOG_TESTS = "tests/collector/log/test_sqlite_log.py"
LOG_CONTRACT = "tests/contracts/test_event_log.py"
WORKER = "tests/sessionizer/test_worker.py"
POWER = "tests/journeys/test_power.py"
CONNECTIONS = "tests/collector/test_connections.py"
DRAIN = "tests/collector/test_drain.py"


class Defect(NamedTuple):
    """A mistake, as changes of words in one file."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    """(sound, broken); the sound words stand in the file exactly once."""
    test: str
    """The test that must turn red."""


DEFECTS = (
    # What an answer of 200 is worth
    Defect(
        "acknowledge before the commit",
        LOG,
        (("        return await mine.answer\n", "        return self._end + len(rows)\n"),),
        f"{POWER}::test_an_answer_goes_out_only_after_a_sync_that_covers_its_event",
    ),
    Defect(
        "synchronous normal",
        LOG,
        (('synchronous="full"', 'synchronous="normal"'),),
        f"{POWER}::test_no_power_cut_takes_what_was_acknowledged",
    ),
    Defect(
        "synchronous off in the pragma, full in the call",
        "collector/runtime/sqlite.py",
        (('f"synchronous = {synchronous}"', 'f"synchronous = {synchronous}".replace("full", "off")'),),
        f"{POWER}::test_an_answer_goes_out_only_after_a_sync_that_covers_its_event",
    ),
    Defect(
        "the data folder's name is not synced",
        "collector/runtime/folder.py",
        (
            (
                "            sync_names((fresh[-1] if fresh else self.root).absolute().parent)\n",
                "            pass\n",
            ),
        ),
        f"{POWER}::test_no_power_cut_takes_what_was_acknowledged",
    ),
    Defect(
        "a failed commit is acknowledged",
        LOG,
        (
            (
                "            self._stop_appending(writing, error)\n",
                (
                    "            self._stop_appending(writing, error)\n"
                    "            for each in group:\n"
                    "                if not each.answer.done():\n"
                    "                    each.answer.set_result(self._end)\n"
                ),
            ),
        ),
        f"{SQLITE_LOG_TESTS}::test_all_who_share_a_failed_commit_are_told",
    ),
    Defect(
        "no shield: the first sender's task does the commit",
        LOG,
        (
            (
                'self._committer = asyncio.create_task(self._commit_in_groups(self._writing), name="log group commit")',
                "self._committer = asyncio.current_task()\n            await self._commit_in_groups(self._writing)",
            ),
        ),
        f"{LOG_CONTRACT}::test_a_cancelled_append_harms_nobody_else",
    ),
    Defect(
        "half a batch kept",
        WRITING,
        (("    with transaction(db):\n        for values", "    if db:\n        for values"),),
        f"{SQLITE_LOG_TESTS}::test_all_who_share_a_failed_commit_are_told",
    ),
    Defect(
        "an answer that names another position",
        WRITING,
        (("        ends.append(position)\n", "        ends.append(position + 1)\n"),),
        f"{LOG_CONTRACT}::test_append_answers_with_the_position_of_its_last_record",
    ),
    Defect(
        "an erased record's position is given again",
        "collector/log/sqlite_reading.py",
        (
            (
                "select coalesce(max(position), 0) from records",
                "select coalesce(max(position), 0) from records where crc >= 0",
            ),
        ),
        f"{SQLITE_LOG_TESTS}::test_an_erased_last_record_keeps_its_position_over_a_restart",
    ),
    # What is on the disk
    Defect(
        "no checksum check",
        "collector/log/sqlite_reading.py",
        (("        if checksum(body, position) == crc:\n", "        if checksum(body, position) == crc or body:\n"),),
        f"{SQLITE_LOG_TESTS}::test_a_record_whose_bytes_changed_is_never_served",
    ),
    Defect(
        "two writers of one log",
        "collector/runtime/folder.py",
        (("fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB"),),
        f"{SQLITE_LOG_TESTS}::test_two_writers_of_one_log_are_refused",
    ),
    Defect(
        "a full disk: no latch, yes and no in turns",
        LOG,
        (
            (
                "        if self._trouble is not None and not marked:\n",
                "        if self._trouble == '' and not marked:\n",
            ),
        ),
        f"{SQLITE_LOG_TESTS}::test_a_full_disk_stops_appends_until_there_is_room_again",
    ),
    Defect(
        "a full disk: no headroom before it takes events again",
        LOG,
        ((">= self._headroom_bytes + self._reserve.given_up_bytes", ">= 0"),),
        f"{SQLITE_LOG_TESTS}::test_a_full_disk_stops_appends_until_there_is_room_again",
    ),
    Defect(
        "a full disk: shut for ever",
        LOG,
        (("                    self._trouble = None\n", "                    pass\n"),),
        f"{SQLITE_LOG_TESTS}::test_a_full_disk_stops_appends_until_there_is_room_again",
    ),
    Defect(
        "a full disk: nothing kept back for erasures",
        "collector/log/reserve.py",
        (("            os.truncate(self._path, 0)\n", "            pass\n"),),
        f"{SQLITE_LOG_TESTS}::test_on_a_full_disk_what_was_kept_back_serves_erasures_alone",
    ),
    Defect(
        "a full disk: events eat what was kept back",
        LOG,
        (("self._headroom_bytes + self._reserve.given_up_bytes", "self._headroom_bytes"),),
        f"{SQLITE_LOG_TESTS}::test_on_a_full_disk_what_was_kept_back_serves_erasures_alone",
    ),
    Defect(
        "503 that does not say when to come again",
        "collector/pipeline.py",
        (
            (
                'Reason.UNAVAILABLE, 503, "events cannot be stored now; send them again", edge.settings.retry_after_s',
                'Reason.UNAVAILABLE, 503, "events cannot be stored now; send them again"',
            ),
        ),
        "tests/collector/test_ingest.py::test_a_full_log_is_503_and_nothing_is_acknowledged",
    ),
    # Exactly one effect
    Defect(
        "position outside the transaction",
        "sessionizer/store/sqlite_writing.py",
        (
            (
                "    with transaction(db):\n        moved = db.execute(\n",
                (
                    "    db.execute(\"update books set value = ? where name = 'position'\", (commit.position,))\n"
                    "    with transaction(db):\n        moved = db.execute(\n"
                ),
            ),
            ("            (commit.position, commit.expected),\n", "            (commit.position, commit.position),\n"),
        ),
        "tests/contracts/test_profile_store.py::test_in_a_file_a_commit_that_breaks_off_anywhere_keeps_nothing",
    ),
    Defect(
        "dedupe window of a day",
        "sessionizer/pipeline.py",
        (
            (
                "        had = [*known.chunks.get(key, ()), record.tail] if record is not None else []\n",
                (
                    "        had = [*known.chunks.get(key, ()), record.tail] if record is not None else []\n"
                    "        if record is not None and record.slice is not None:\n"
                    "            had = [each for each in had if each.times[-1] > record.slice.last[0] - 86_400_000]\n"
                ),
            ),
        ),
        f"{WORKER}::test_a_copy_that_comes_a_year_later_changes_nothing_and_stops_nothing",
    ),
    Defect(
        "dedupe within one batch only",
        "sessionizer/pipeline.py",
        (
            (
                "if each.id in new or (_holds(had, each.id) if all_ids is None else each.id in all_ids):",
                "if each.id in new:",
            ),
        ),
        f"{WORKER}::test_a_copy_that_comes_a_year_later_changes_nothing_and_stops_nothing",
    ),
    Defect(
        "a duplicate's position is dropped",
        "sessionizer/decision.py",
        (
            (
                '        commit.counted = {\n            "stored": stored,',
                (
                    "        commit.position = max((at for at, _ in commit.arrivals), default=commit.expected)\n"
                    '        commit.counted = {\n            "stored": stored,'
                ),
            ),
        ),
        f"{WORKER}::test_a_copy_that_comes_a_year_later_changes_nothing_and_stops_nothing",
    ),
    Defect(
        "a poison event stops the queue",
        "sessionizer/worker.py",
        (
            (
                "            await self._one_by_one(after, records[0].position, error, len(records))\n",
                "            raise StoreUnavailable('poison') from error\n",
            ),
        ),
        f"{WORKER}::test_an_event_that_cannot_be_folded_is_set_aside_with_its_reason_and_stops_nothing",
    ),
    Defect(
        "a poison event vanishes without a reason",
        "sessionizer/worker.py",
        (("        commit.quarantined.append((first, ", "        print((first, "),),
        f"{WORKER}::test_an_event_that_cannot_be_folded_is_set_aside_with_its_reason_and_stops_nothing",
    ),
    # What a stranger can make the server hold
    Defect(
        "an answer that nobody takes is waited for",
        "collector/deadlines.py",
        (("        if transport is not None:\n            transport.abort()\n", ""),),
        f"{CONNECTIONS}::test_a_reader_that_takes_nothing_is_cut",
    ),
    Defect(
        "headers may go on for ever",
        "collector/deadlines.py",
        (("if self._head_bytes > MAX_HEAD_BYTES:", "if False:"),),
        f"{CONNECTIONS}::test_headers_without_end_are_refused",
    ),
    Defect(
        "the clock starts again with every byte",
        "collector/deadlines.py",
        (("            if self._alarm is None:\n", "            self._stop_clock()\n            if True:\n"),),
        "tests/collector/test_deadlines.py::test_slow_headers_are_closed",
    ),
    Defect(
        "no idle connection makes room",
        "collector/listener.py",
        (("isinstance(each, DeadlineProtocol) and each.idle", "False"),),
        f"{CONNECTIONS}::test_the_longest_connected_idle_one_makes_room",
    ),
    Defect(
        "the body that wants room goes, not the one that dawdles",
        "collector/bodies.py",
        (("longest = next(iter(self._arriving), wanted_by)", "longest = wanted_by"),),
        "tests/collector/test_bodies.py::test_half_sent_bodies_keep_nobody_out_and_are_told_to_come_back",
    ),
    Defect(
        "what a body inflates to is not counted",
        "collector/handlers.py",
        (("        body.grow(len(inflated))\n", ""),),
        "tests/collector/test_bodies.py::test_what_a_body_inflates_to_counts",
    ),
    Defect(
        "gzip members without end",
        "collector/http_limits.py",
        (("if members > MAX_GZIP_MEMBERS:", "if False:"),),
        "tests/collector/test_hostile_batches.py::test_gzip_in_thousands_of_pieces_is_refused",
    ),
    Defect(
        "a read that fails keeps its place",
        "sessionizer/api/gate.py",
        (("        finally:\n            self._open -= 1\n", "        finally:\n            pass\n"),),
        "tests/sessionizer/api/test_gate.py::test_a_read_that_fails_leaves_its_place",
    ),
    Defect(
        "letters beyond ASCII in Basic credentials",
        "sessionizer/api/auth.py",
        (("except ValueError:", "except UnicodeDecodeError:"),),
        "tests/fuzz/test_corpus.py::test_nothing_that_was_kept_breaks_its_decoder",
    ),
    # How a server ends
    Defect(
        "the last answer does not say that it is",
        "collector/deadlines.py",
        (("            resp.force_close()\n", "            pass\n"),),
        f"{DRAIN}::test_a_kept_connection_gets_one_more_answer_which_says_that_it_is_the_last",
    ),
    Defect(
        "new connections are taken until the end",
        "collector/listener.py",
        (("                await site.stop()\n", "                pass\n"),),
        f"{DRAIN}::test_a_kept_connection_gets_one_more_answer_which_says_that_it_is_the_last",
    ),
    Defect(
        "requests in hand are cut",
        "collector/listener.py",
        ((" and not each.answering:", ":"),),
        f"{DRAIN}::test_a_request_in_hand_is_finished",
    ),
    Defect(
        "who dawdles holds the end up",
        "collector/listener.py",
        ((" and not each.answering:", " and each.idle:"),),
        f"{DRAIN}::test_who_asks_nothing_or_dawdles_does_not_hold_it_up",
    ),
)
