import pytest
from yarl import URL

from collector.log import CorruptRecord, LogUnavailable
from sessionizer.store import StoreUnavailable

WHO = "/v1/profiles/user_id:ada"


async def problem_of(answer):
    assert answer.content_type == "application/problem+json"
    body = await answer.json(content_type=None)
    assert body["status"] == answer.status
    assert set(body) >= {"type", "title", "status", "detail", "reason"}
    return answer.status, body["reason"]


async def test_a_profile_is_shown_whole(client):
    answer = await client.get(WHO)
    assert answer.content_type == "application/json"
    profile = await answer.json()
    assert list(profile) == [
        "profile_id", "status", "identifiers", "traits", "trait_sources", "first_seen", "last_seen", "totals", "cart",
        "first_touch", "last_touch", "devices", "segments", "scores",
    ]  # fmt: skip
    assert profile["totals"]["revenue"] == {"EUR": "59.70"}
    assert profile["cart"] is None


@pytest.mark.parametrize(
    "who",
    [
        "user_id:ada",
        "user_id%3Aada",
        "anonymous_id:d1",
        "email:ada@example.com",
        "email:%20Ada@Example.COM%20",
        "email:ada%40example.com",
        "phone:+33612345678",
        "phone:%2B33612345678",
        "phone:%2B33%20(6)%2012-34.56%2078",
        "crm%2Fid:a%2Fb:c%252F+d%20%C3%A9",
        "crm%2fid:a%2fb%3Ac%252F%2Bd%20%c3%a9",
    ],
)
async def test_a_person_can_be_named_by_any_identifier_however_it_is_escaped(client, who):
    answer = await client.get(URL(f"/v1/profiles/{who}", encoded=True))
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["traits"]["name"] == "Ada"
    answer = await client.get(URL(f"/v1/profiles/{who}/timeline", encoded=True))
    assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("who", ["user_id:Ada", "user_id:%20ada", "email:eve@example.com", "phone:33612345678", "x:y"])
async def test_a_stranger_is_not_found(client, who):
    for path in ("", "/timeline", "/sessions", "/identity"):
        assert await problem_of(await client.get(f"/v1/profiles/{who}{path}")) == (404, "not_found")


@pytest.mark.parametrize("who", ["ada", ":ada", "user_id:", "email:%20", "phone:abc", "%FF:%FF"])
async def test_what_names_nobody_is_refused(client, who):
    status, reason = await problem_of(await client.get(URL(f"/v1/profiles/{who}", encoded=True)))
    assert (status, reason) in {(400, "invalid_who"), (404, "not_found")}


async def test_odd_bytes_in_a_name_are_a_name_nobody_has(client):
    for who in ("user_id:%00", "user_id:%FF%FE", "user_id:..", "user_id:%ED%A0%80"):
        assert (await problem_of(await client.get(URL(f"/v1/profiles/{who}", encoded=True))))[0] == 404


async def test_a_timeline_is_paged_newest_first(client):
    seen, cursor = [], ""
    while cursor is not None:
        page = await (await client.get(f"{WHO}/timeline", params={"limit": "2", "cursor": cursor})).json()
        seen += [event["message_id"] for event in page["events"]]
        cursor = page["next"]
    assert seen == ["m5", "m4", "m3", "m2", "m1"]


async def test_a_timeline_can_be_asked_for_oldest_first_and_by_type(client):
    page = await (await client.get(f"{WHO}/timeline?order=asc&types=page,identify")).json()
    assert [event["message_id"] for event in page["events"]] == ["m1", "m3"]
    page = await (await client.get(f"{WHO}/timeline?order=asc&types=page&types=identify")).json()
    assert [event["message_id"] for event in page["events"]] == ["m1", "m3"]


async def test_sessions_are_paged(client):
    first = await (await client.get(f"{WHO}/sessions?limit=1")).json()
    assert [each["started_at"] for each in first["sessions"]] == ["2026-11-24T09:00:00.000Z"]
    last = await (await client.get(f"{WHO}/sessions?limit=1&cursor={first['next']}")).json()
    assert [each["started_at"] for each in last["sessions"]] == ["2026-11-24T08:00:01.000Z"]
    assert last["next"] is None


async def test_a_profile_can_be_asked_for_by_its_own_id(client):
    profile_id = (await (await client.get(WHO)).json())["profile_id"]
    again = await (await client.get(f"/v1/profiles/profile_id:{profile_id}")).json()
    assert again["profile_id"] == profile_id


async def test_identity_explains_itself(client):
    identity = await (await client.get(f"{WHO}/identity")).json()
    assert identity["root"] == "user:ada"
    assert identity["slices"][0]["from"] == "2026-11-24T08:00:01.000Z"
    evidence = identity["slices"][0]["evidence"]
    assert (evidence["rule"], evidence["message_ids"]) == (6, ["m3"])


async def test_profiles_are_listed(client):
    page = await (await client.get("/v1/profiles")).json()
    assert [each["traits"]["name"] for each in page["profiles"]] == ["Ada"]
    assert page["next"] is None


@pytest.mark.parametrize("path", [f"{WHO}/timeline", f"{WHO}/sessions", "/v1/profiles"])
async def test_a_limit_has_bounds_and_the_problem_names_them(client, path):
    for limit in ("0", "-1", "1001", "many", "1.5", "", "١", "9" * 400):
        answer = await client.get(path, params={"limit": limit})
        assert await problem_of(answer) == (400, "invalid_limit")
        assert "1 to 1000" in (await answer.json(content_type=None))["detail"]
    for limit in ("1", "200", "1000"):
        assert (await client.get(path, params={"limit": limit})).status == 200


@pytest.mark.parametrize("path", [f"{WHO}/timeline", f"{WHO}/sessions", "/v1/profiles"])
async def test_a_cursor_we_did_not_give_out_is_refused(client, path):
    assert await problem_of(await client.get(path, params={"cursor": "made up"})) == (400, "invalid_cursor")


async def test_an_unknown_order_is_refused(client):
    for path in ("timeline", "sessions"):
        assert await problem_of(await client.get(f"{WHO}/{path}?order=up")) == (400, "invalid_order")


async def test_unknown_parameters_are_ignored(client):
    assert (await client.get(f"{WHO}?colour=red")).status == 200


@pytest.mark.parametrize("path", ["", "/timeline", "/sessions"])
async def test_the_past_is_answered_as_it_was_known_then(client, path):
    device = f"/v1/profiles/anonymous_id:d1{path}"
    assert await problem_of(await client.get(f"{device}?as_of=2026-11-24T08:00:00.999Z")) == (404, "not_found")
    assert await problem_of(await client.get(f"{device}?as_of=2026-11-24")) == (404, "not_found")
    before_the_login, today = "2026-11-24T09:00:02%2B01:00", "2026-11-25"
    then = await (await client.get(f"{device}?as_of={before_the_login}")).json()
    match path:
        case "":
            assert (then["status"], then["totals"]["events"], then["traits"]) == ("anonymous", 2, {})
        case "/timeline":
            assert [event["message_id"] for event in then["events"]] == ["m2", "m1"]
        case "/sessions":
            assert [session["events"] for session in then["sessions"]] == [2]
    assert await problem_of(await client.get(f"{WHO}{path}?as_of={before_the_login}")) == (404, "not_found")
    assert await (await client.get(f"{WHO}{path}?as_of={today}")).json() == await (await client.get(WHO + path)).json()


@pytest.mark.parametrize(
    "moment", ["", "yesterday", "2026-13-01", "2026-11-24T09:00:00 01:00", "0001-01-01T00:00+14:00"]
)
async def test_a_moment_that_cannot_be_read_is_refused(client, moment):
    assert await problem_of(await client.get(WHO, params={"as_of": moment})) == (400, "invalid_time")


@pytest.mark.parametrize("path", [f"{WHO}/identity", "/v1/profiles", "/v1/export/events"])
async def test_a_read_that_knows_no_past_does_not_answer_with_the_present(client, path):
    assert await problem_of(await client.get(f"{path}?as_of=2026-11-01T00:00:00Z")) == (400, "invalid_time")


async def test_a_process_that_does_not_own_the_log_erases_nothing(client):
    answer = await client.delete(WHO)
    assert await problem_of(answer) == (503, "log_unavailable")


async def test_a_damaged_record_is_a_problem_that_names_the_remedy(client, log):
    log.fail(CorruptRecord(3))
    answer = await client.get(f"{WHO}/timeline")
    assert await problem_of(answer) == (503, "corrupt_record")
    assert "ariane verify" in (await answer.json(content_type=None))["detail"]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(LogUnavailable("busy"), "log_unavailable"), (StoreUnavailable("busy"), "store_unavailable")],
)
async def test_when_it_cannot_be_read_now_the_caller_is_told_to_come_back(client, log, failure, reason):
    log.fail(failure)
    answer = await client.get(f"{WHO}/timeline")
    assert await problem_of(answer) == (503, reason)
    assert answer.headers["Retry-After"] == "5"


async def test_head_answers_like_get_without_a_body(client):
    answer = await client.head(WHO)
    assert answer.status == 200
    assert await answer.read() == b""
