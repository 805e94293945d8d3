"""The sources file: made once, read again when it changes, all mistakes at once."""

import os
from pathlib import Path

import pytest

from collector.sources import FixedSources, Sources, SourcesFile, SourcesInvalid, load, new_source


def test_a_first_start_makes_a_file_with_fresh_keys_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "sources.toml"
    index = SourcesFile(path, ["https://shop.example"]).current(0)
    assert path.stat().st_mode & 0o777 == 0o600
    source = index.default
    assert source.name == "default"
    assert source.origins == ("https://shop.example",)
    assert [source.write_key[:3], source.server_key[:3], index.api_key[:3]] == ["wk_", "sk_", "ak_"]
    assert len({source.write_key, source.server_key, source.identity_secret, index.api_key}) == 4
    assert os.listdir(path.parent) == ["sources.toml"]
    assert "# " in path.read_text()


def test_a_second_start_keeps_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    first = SourcesFile(path).current(0)
    assert SourcesFile(path).current(0).default == first.default


def test_keys_find_their_source(tmp_path: Path) -> None:
    index = SourcesFile(tmp_path / "sources.toml").current(0)
    write, server = index.find(index.default.write_key), index.find(index.default.server_key)
    assert write is not None
    assert server is not None
    assert (write.server, server.server) == (False, True)
    assert write.source is index.default
    assert index.find("wk_other") is None
    assert index.find(index.api_key) is None
    assert index.named("default") is index.default


def test_a_change_counts_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    registry = SourcesFile(path)
    assert registry.current(10_000).default.currency is None
    path.write_text(path.read_text().replace('name = "default"', 'name = "default"\ncurrency = "EUR"'))
    assert registry.current(10_999).default.currency is None
    assert registry.current(11_000).default.currency == "EUR"


def test_a_change_for_the_worse_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "sources.toml"
    registry = SourcesFile(path)
    before = registry.current(0)
    path.write_text("api_key = 7")
    assert registry.current(5_000) is before
    assert "api_key" in caplog.text
    path.unlink()
    assert registry.current(10_000) is before


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(
        """
        colour = "blue"
        api_key = "short"
        [[sources]]
        name = "shop"
        write_key = "wk_12345678"
        server_key = "wk_12345678"
        identity_secret = "too short"
        origins = ["https://shop.example/path", "shop.example"]
        phone_region = "France"
        exclude_bots = "yes"
        surprise = 1
        [[sources]]
        name = "till"
        """
    )
    with pytest.raises(SourcesInvalid) as caught:
        load(path)
    said = str(caught.value)
    for name in (
        *("colour", "api_key", "server_key", "identity_secret", "https://shop.example/path", "'shop.example'"),
        *("phone_region", "exclude_bots", "surprise", "till).write_key", "till).server_key"),
    ):
        assert name in said


@pytest.mark.parametrize("text", ["", "not toml [", "api_key = '0123456789abcdef'", "sources = 7", "\ud800"])
def test_what_is_no_sources_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SourcesInvalid):
        SourcesFile(path)


def test_two_sources_may_share_no_key_and_no_name(tmp_path: Path) -> None:
    source = new_source("shop")
    path = tmp_path / "sources.toml"
    table = (
        f'[[sources]]\nname = "shop"\nwrite_key = "{source.write_key}"\nserver_key = "{source.server_key}"\n'
        f'identity_secret = "{source.identity_secret}"\n'
    )
    path.write_text(f'api_key = "{source.server_key}"\n{table}{table}')
    with pytest.raises(SourcesInvalid) as caught:
        load(path)
    assert len(caught.value.mistakes) == 4


def test_fixed_sources_never_change(tmp_path: Path) -> None:
    sources = load_of(tmp_path)
    registry = FixedSources(sources)
    assert registry.current(0) is registry.current(10**12)


def load_of(folder: Path) -> Sources:
    SourcesFile(folder / "sources.toml")
    return load(folder / "sources.toml")
