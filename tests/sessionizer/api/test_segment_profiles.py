import pytest
from yarl import URL

ADA = "/v1/spaces/lgJ4AAjFN4/collections/users/profiles/user_id:ada"
EVE = "/v1/spaces/lgJ4AAjFN4/collections/users/profiles/user_id:eve"


async def test_traits_have_segments_shape(client):
    answer = await (await client.get(f"{ADA}/traits")).json()
    assert answer == {
        "traits": {"age": 36, "city": None, "name": "Ada", "plan": {"tier": 1}},
        "cursor": {"url": f"{ADA}/traits", "has_more": False, "next": "", "limit": 10},
    }


async def test_traits_are_paged_by_next_and_url(client):
    first = await (await client.get(f"{ADA}/traits?limit=3")).json()
    assert list(first["traits"]) == ["age", "city", "name"]
    assert first["cursor"] == {"url": f"{ADA}/traits?limit=3&next=plan", "has_more": True, "next": "plan", "limit": 3}
    last = await (await client.get(first["cursor"]["url"])).json()
    assert last["traits"] == {"plan": {"tier": 1}}
    assert last["cursor"] == {"url": f"{ADA}/traits?limit=3", "has_more": False, "next": "", "limit": 3}


async def test_traits_can_be_chosen(client):
    answer = await (await client.get(f"{ADA}/traits?include=name,plan,shoe_size")).json()
    assert answer["traits"] == {"name": "Ada", "plan": {"tier": 1}}


async def test_verbose_traits_say_where_they_come_from(client):
    answer = await (await client.get(f"{ADA}/traits?include=name&verbose=true")).json()
    assert answer["traits"] == {"name": {"value": "Ada", "source_id": "shop", "updated_at": "2026-11-24T08:00:03.000Z"}}


@pytest.mark.parametrize("class_", ["audience", "computed_trait"])
async def test_there_are_no_audiences_or_computed_traits_yet(client, class_):
    answer = await (await client.get(f"{ADA}/traits?class={class_}")).json()
    assert answer["traits"] == {}


async def test_external_ids_have_segments_shape(client):
    answer = await (await client.get(f"{ADA}/external_ids?include=email")).json()
    assert answer["data"] == [
        {
            "id": "ada@example.com",
            "type": "email",
            "created_at": "2026-11-24T08:00:03.000Z",
            "source_id": None,
            "collection": "users",
            "encoding": "none",
        }
    ]


async def test_external_ids_are_paged(client):
    seen, url = [], f"{ADA}/external_ids?limit=2"
    while True:
        page = await (await client.get(url)).json()
        seen += [each["type"] for each in page["data"]]
        if not page["cursor"]["has_more"]:
            break
        url = page["cursor"]["url"]
    assert seen == ["anonymous_id", "crm/id", "email", "phone", "user_id"]


async def test_events_have_segments_shape(client):
    page = await (await client.get(f"{ADA}/events?limit=3")).json()
    assert [each["message_id"] for each in page["data"]] == ["m5", "m4", "m3"]
    assert page["cursor"]["has_more"] is True
    profile = await (await client.get("/v1/profiles/user_id:ada")).json()
    event = page["data"][2]
    assert event["external_ids"] == [
        {"type": type_, "id": id_, "collection": "users", "encoding": "none"}
        for type_, id_ in [
            ("user_id", "ada"),
            ("anonymous_id", "d1"),
            ("email", "ada@example.com"),
            ("phone", "+33612345678"),
            ("crm/id", "a/b:c%2F+d é"),
        ]
    ]
    assert event["related"] == {"users": profile["profile_id"]}
    assert event["source_id"] == "shop"
    assert event["traits"]["name"] == "Ada"
    rest = await (await client.get(page["cursor"]["url"])).json()
    assert [each["message_id"] for each in rest["data"]] == ["m2", "m1"]
    assert rest["cursor"]["has_more"] is False


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("sort=asc", ["m1", "m2", "m3", "m4", "m5"]),
        ("include=Product Viewed", ["m5", "m2"]),
        ("include=Product Viewed,Home", ["m5", "m2", "m1"]),
        ("include=Product Viewed&limit=1", ["m5"]),
        ("exclude=Product Viewed&limit=4", ["m4", "m3", "m1"]),
        ("include=Order Completed&limit=1", ["m4"]),
        ("start=2026-11-24T08:00:02Z&end=2026-11-24T08:00:05Z", ["m4", "m3"]),
        ("start=2026-11-25", []),
    ],
)
async def test_events_can_be_chosen(client, query, seen):
    page = await (await client.get(f"{ADA}/events?{query}")).json()
    assert [each["message_id"] for each in page["data"]] == seen


async def test_a_time_that_is_none_is_refused(client):
    answer = await client.get(f"{ADA}/events?start=yesterday")
    assert answer.status == 400
    assert (await answer.json(content_type=None))["reason"] == "invalid_time"


async def test_metadata_have_segments_shape(client):
    assert await (await client.get(f"{ADA}/metadata")).json() == {
        "metadata": {
            "created_at": "2026-11-24T08:00:01.000Z",
            "updated_at": "2026-11-24T09:00:00.000Z",
            "first_message_id": "m1",
            "first_source_id": "shop",
            "last_message_id": "m5",
            "last_source_id": "shop",
            "expires_at": None,
        }
    }


@pytest.mark.parametrize("what", ["traits", "external_ids", "events", "metadata"])
async def test_a_stranger_is_not_found_as_segment_says_it(client, what):
    answer = await client.get(f"{EVE}/{what}")
    assert answer.status == 404
    body = await answer.json(content_type=None)
    assert body["error"] == {"code": "not_found", "message": "Profile was not found."}
    assert body["reason"] == "not_found"


async def test_a_wrong_key_is_an_authentication_error(stranger):
    answer = await stranger.get(f"{ADA}/traits")
    assert answer.status == 401
    assert (await answer.json(content_type=None))["error"]["code"] == "authentication_error"


@pytest.mark.parametrize("query", ["traits?limit=0", "events?next=made-up", "events?sort=up", "external_ids?limit=x"])
async def test_a_wrong_parameter_is_an_invalid_request(client, query):
    answer = await client.get(f"{ADA}/{query}")
    assert answer.status == 400
    assert (await answer.json(content_type=None))["error"]["code"] == "invalid_request_error"


async def test_segments_own_way_to_name_a_phone_works(client):
    path = "/v1/spaces/x/collections/users/profiles/phone:%2B33612345678/traits"
    page = await (await client.get(URL(path, encoded=True))).json()
    assert page["cursor"]["url"] == path


async def test_a_rare_event_is_found_by_going_on_while_there_is_more(client, log, mind, event):
    await log.take(*[event(f"n{i}", "10:00:00", event="Noise") for i in range(30)])
    await mind.catch_up()
    seen, url, pages = [], f"{ADA}/events?limit=1&include=Order Completed", 0
    while True:
        page = await (await client.get(url)).json()
        seen += [each["message_id"] for each in page["data"]]
        pages += 1
        if not page["cursor"]["has_more"]:
            break
        url = page["cursor"]["url"]
    assert seen == ["m4"]
    assert pages > 1
