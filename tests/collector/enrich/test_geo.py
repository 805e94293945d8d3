"""Where an address is, out of files that come, go and break."""

import asyncio
import logging
import shutil
from pathlib import Path

import mmdb_writer
import netaddr
import pytest

from collector.enrich import open_lookups, watch
from collector.enrich.geo import NOWHERE, open_geo
from collector.event import Trust

MAXMIND = Path(__file__).parent / "data" / "GeoIP2-City-Test.mmdb"


def write_flat(path: Path, ip_version: int, networks: dict[str, dict[str, str]]) -> None:
    """A database with flat records, as the npm package of DB-IP's city database has them."""
    writer = mmdb_writer.MMDBWriter(ip_version, f"city ipv{ip_version}", [], "")
    for network, record in networks.items():
        writer.insert_network(netaddr.IPSet([network]), record)
    new = path.with_suffix(".new")
    writer.to_db_file(str(new))
    new.rename(path)


LILLE = {"country_code": "FR", "state1": "Hauts-de-France", "state2": "", "city": "Lille", "timezone": ""}
LYON = {
    "country_code": "fr",
    "state1": "Auvergne-Rhone-Alpes",
    "state2": "",
    "city": "Lyon",
    "timezone": "Europe/Paris",
}


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("81.2.69.142", {"country": "GB", "region": "England", "city": "London", "timezone": "Europe/London"}),
        ("::ffff:81.2.69.142", {"country": "GB", "region": "England", "city": "London", "timezone": "Europe/London"}),
        ("2001:218::1", {"country": "JP", "timezone": "Asia/Tokyo"}),
        ("127.0.0.1", {}),
        ("10.1.2.3", {}),
        ("192.168.0.1", {}),
        ("::1", {}),
        ("fe80::1", {}),
        ("224.0.0.1", {}),
        ("9.9.9.9", {}),
        ("not an address", {}),
        ("81.2.69.142:443", {}),
        ("", {}),
    ],
)
def test_maxminds_schema_is_read(lookups, address, place):
    assert lookups.geo.find(address) == place


def test_the_flat_schema_is_read_from_one_file_a_family(tmp_path):
    write_flat(tmp_path / "city-ipv4.mmdb", 4, {"90.0.0.0/8": LILLE})
    write_flat(tmp_path / "city-ipv6.mmdb", 6, {"2a01:cb00::/32": LYON})
    geo = open_geo(tmp_path)
    assert geo.find("90.0.0.1") == {"country": "FR", "region": "Hauts-de-France", "city": "Lille"}
    assert geo.find("2a01:cb00::1") == {
        "country": "FR",
        "region": "Auvergne-Rhone-Alpes",
        "city": "Lyon",
        "timezone": "Europe/Paris",
    }
    assert geo.find("91.0.0.1") == NOWHERE


def test_the_first_file_that_knows_an_address_answers(tmp_path):
    write_flat(tmp_path / "a.mmdb", 4, {"90.0.0.0/8": LILLE})
    write_flat(tmp_path / "b.mmdb", 4, {"90.0.0.0/8": LYON, "91.0.0.0/8": LYON})
    geo = open_geo(tmp_path)
    assert (geo.find("90.0.0.1")["city"], geo.find("91.0.0.1")["city"]) == ("Lille", "Lyon")


def test_no_folder_is_nowhere(tmp_path):
    lookups = open_lookups(tmp_path / "missing")
    assert lookups.geo.find("81.2.69.142") == NOWHERE
    assert lookups.geo.files == ()
    assert lookups.reload() is False


def test_a_broken_file_is_left_out_with_a_warning(tmp_path, caplog):
    (tmp_path / "a-broken.mmdb").write_bytes(b"not a database" * 100)
    (tmp_path / "b-empty.mmdb").write_bytes(b"")
    shutil.copy(MAXMIND, tmp_path / "c.mmdb")
    with caplog.at_level(logging.WARNING):
        lookups = open_lookups(tmp_path)
    assert lookups.geo.find("81.2.69.142")["country"] == "GB"
    assert [file.name for file in lookups.geo.files] == ["c.mmdb"]
    assert [problem.split(" ")[0] for problem in lookups.geo.problems] == ["a-broken.mmdb", "b-empty.mmdb"]
    assert "a-broken.mmdb is no readable MaxMind database" in caplog.text


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_damaged_file_never_raises(tmp_path, kept):
    whole = bytearray(MAXMIND.read_bytes())
    middle = int(len(whole) * kept)
    whole[middle - 3000 : middle] = b"\xff" * 3000
    (tmp_path / "damaged.mmdb").write_bytes(whole)
    geo = open_geo(tmp_path)
    for address in ("81.2.69.142", "2001:218::1", "89.160.20.112", "216.160.83.56", "175.16.199.1"):
        geo.find(address)


def test_a_new_file_is_read_without_a_restart(tmp_path):
    lookups = open_lookups(tmp_path)
    assert lookups.geo.find("90.0.0.1") == NOWHERE
    write_flat(tmp_path / "city.mmdb", 4, {"90.0.0.0/8": LILLE})
    assert lookups.reload() is True
    assert lookups.geo.find("90.0.0.1")["city"] == "Lille"
    write_flat(tmp_path / "city.mmdb", 4, {"90.0.0.0/8": LYON})
    assert lookups.reload() is True
    assert lookups.geo.find("90.0.0.1")["city"] == "Lyon"
    assert lookups.reload() is False
    (tmp_path / "city.mmdb").unlink()
    assert lookups.reload() is True
    assert lookups.geo.find("90.0.0.1") == NOWHERE


def test_a_file_written_over_while_it_is_open_goes_on_answering(tmp_path):
    shutil.copy(MAXMIND, tmp_path / "city.mmdb")
    lookups = open_lookups(tmp_path)
    with open(tmp_path / "city.mmdb", "r+b") as file:
        file.truncate(0)
    assert lookups.geo.find("81.2.69.142")["country"] == "GB"
    assert lookups.reload() is True
    assert lookups.geo.find("81.2.69.142") == NOWHERE
    assert [path.name for path in tmp_path.iterdir()] == ["city.mmdb"]


async def test_a_watch_reloads_and_ends_when_cancelled(tmp_path):
    lookups = open_lookups(tmp_path)
    watching = asyncio.create_task(watch(lookups, every_s=0.01))
    write_flat(tmp_path / "city.mmdb", 4, {"90.0.0.0/8": LILLE})
    async with asyncio.timeout(5):
        while lookups.geo.find("90.0.0.1") == NOWHERE:  # noqa: ASYNC110 - a file tells nobody when it is read
            await asyncio.sleep(0.01)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_a_closed_lookup_knows_no_place(tmp_path):
    shutil.copy(MAXMIND, tmp_path / "city.mmdb")
    lookups = open_lookups(tmp_path)
    lookups.close()
    lookups.close()
    assert lookups.geo.find("81.2.69.142") == NOWHERE


def test_a_visitor_is_located_by_the_connection_whatever_it_claims(derive, make_request):
    request = make_request(remote_ip="81.2.69.142")
    assert derive(request, context={"ip": "2001:218::1"}).country == "GB"
    assert derive(make_request(remote_ip=None), context={"ip": "2001:218::1"}).country is None


def test_a_servers_event_is_located_only_by_what_it_says(derive, make_request):
    request = make_request(remote_ip="81.2.69.142")
    assert derive(request, trust=Trust.SERVER).country is None
    assert derive(request, trust=Trust.SERVER, context={"ip": "2001:218::1"}).country == "JP"
    assert derive(request, trust=Trust.SERVER, context={"ip": 5}).country is None
