import hashlib
import re

from sessionizer.api.docs_page import ASSETS, STATIC


async def test_the_page_loads_our_own_files_and_nothing_else(stranger):
    answer = await stranger.get("/docs")
    assert answer.status == 200
    assert answer.content_type == "text/html"
    page = await answer.text()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert [each for each in loaded if each != "data:," and not re.fullmatch(r"(docs/)?[a-z.-]+", each)] == []
    for name in loaded:
        if name != "data:,":
            assert (await stranger.get(f"/{name}")).status == 200, name


async def test_the_page_may_run_no_inline_script_and_fetch_from_nowhere_else(stranger):
    for path in ("/docs", *(f"/docs/{name}" for name in ASSETS)):
        policy = (await stranger.get(path)).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "connect-src 'self';" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


async def test_no_other_file_is_served(stranger):
    for name in ("README.md", "..%2Fapp.py", "swagger-ui.LICENSE", ""):
        assert (await stranger.get(f"/docs/{name}")).status == 404


def test_the_vendored_files_are_those_their_readme_names():
    named = re.findall(r"^    ([0-9a-f]{64})  (\S+)$", (STATIC / "README.md").read_text(), re.MULTILINE)
    assert {name for _, name in named} == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for digest, name in named:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest
