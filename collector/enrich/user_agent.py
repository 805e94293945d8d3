"""What a User-Agent says: browser, operating system, kind of device, the app it is embedded in.

Browsers and systems come from uap-core's rules in their Rust matcher: 4 µs a text, where the pure Python one takes up
to 32 ms for a hostile one. Its rules for device models are left out: they cost 15 MB and 80 ms, and name a phone's
brand, which nothing here needs. The kind of device is decided by the words below.
"""

import re
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from collector.enrich.fields import section, text
from collector.event import Event, Trust

MAX_CHARS = 512
"""Longer texts are cut: real ones stay under 300, app ones under 400."""

_DEVICE_TYPES = (
    ("console", r"playstation|xbox|nintendo"),
    ("tv", r"smart-?tv|(?:google|apple|android) ?tv|tvos|hbbtv|netcast|web0s|webos\.tv|roku|bravia|crkey|viera"),
    ("tv", r"\baft[a-z]|tizen.* tv\b|\btv safari"),
    ("wearable", r"watch ?os|apple watch|wear ?os|\bsm-r\d{3}|oculus|\bquest \d|\bvr safari"),
    ("tablet", r"ipad|tablet(?:[^ ]| [^p]|$)|kindle|playbook|\bsm-[tx]\d|nexus (?:7|9|10)\b|\btab\b"),
    ("mobile", r"iphone|ipod|mobi|windows phone|blackberry|opera mini|dalvik|okhttp|cfnetwork.*darwin|kaios|webos"),
    ("tablet", r"android|silk/"),  # both say "Mobile" on phones only
    ("desktop", r"windows nt|macintosh|mac os x|x11|cros |linux (?:x86|i686|amd64|aarch64)"),
)
"""The first whose words are in the lower-case text; "Tablet PC" was a Windows for desktops."""

_BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome WebView",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Brave Mobile": "Brave",
}
"""uap-core's name → ours: whether it is a phone is said by the device type."""
_SYSTEMS = {
    "mac os x": "macOS",
    "iphone os": "iOS",
    "ios": "iOS",
    "ipados": "iPadOS",
    "android": "Android",
    "macos": "macOS",
    "chromium os": "Chrome OS",
}

_EMBEDDING_APPS = (
    ("instagram", r"\bInstagram "),
    ("threads", r"\bBarcelona "),
    ("facebook", r"\bFB(?:AN|AV|_IAB)\b"),
    ("tiktok", r"musical_ly|BytedanceWebview|\bTikTok\b|\btrill_"),
    ("pinterest", r"\[Pinterest/"),
    ("snapchat", r"\bSnapchat/"),
    ("linkedin", r"\bLinkedInApp\b"),
    ("twitter", r"\bTwitter for (?:iPhone|iPad|Android)|TwitterAndroid"),
    ("line", r"\bLine/\d"),
    ("wechat", r"\bMicroMessenger/"),
)
"""Apps that open links in a browser of their own and send no referrer."""
MAIL_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy|OutlookImageProxy")
"""Mail services that load a message's pictures for a reader: a person behind a machine's text and address."""

Device = Mapping[str, str]
"""`browser`, `browser_version`, `os`, `os_version`, `device_type`, as far as they are known."""


def visitors_user_agent(event: Event, headers: Mapping[str, str]) -> str | None:
    """The User-Agent of the person's browser or app.

    `context.userAgent` when the event gives it; else the request's, unless a server sent the event: then the header
    names its HTTP library.
    """
    said = text(event.context.get("userAgent"), MAX_CHARS)
    if said is not None or event.trust is Trust.SERVER:
        return said
    return text(headers.get("user-agent"), MAX_CHARS)


class UserAgents:
    """The readers of User-Agent texts. Building one takes about 60 ms and 12 MB; importing this module does not."""

    def __init__(self) -> None:
        from ua_parser import load_lazy_builtins
        from ua_parser_rs import OSExtractor, UserAgentExtractor

        browsers, systems, _models = load_lazy_builtins()
        rule = attrgetter("regex", "family", "major", "minor", "patch", "patch_minor")
        self._browser = UserAgentExtractor(map(rule, browsers)).extract
        self._system = OSExtractor(map(rule, systems)).extract
        self._type = UserAgentExtractor(map(_named, _DEVICE_TYPES)).extract
        self._app = UserAgentExtractor(map(_named, _EMBEDDING_APPS)).extract

    def device(self, user_agent: str) -> Device:
        """The device a User-Agent speaks of; empty when nothing in it is known."""
        found: dict[str, str | None] = {}
        if browser := self._browser(user_agent):
            found["browser"] = _BROWSERS.get(browser.family, browser.family)
            found["browser_version"] = _version((browser.major, browser.minor, browser.patch))
        if system := self._system(user_agent):
            found["os"] = system_name(system.family)
            found["os_version"] = _version((system.major, system.minor, system.patch))
        if kind := self._type(user_agent.lower()):
            found["device_type"] = kind.family
        elif found:
            found["device_type"] = "other"
        return {name: value for name, value in found.items() if value}

    def embedding_app(self, user_agent: str) -> str | None:
        """The social app whose own browser this is, by its name as a channel's source, or None."""
        app = self._app(user_agent)
        return None if app is None else app.family


def _named(rule: tuple[str, str]) -> tuple[str, str, None, None, None, None]:
    """A rule of ours as the matcher takes it: the words, and the name it then gives."""
    name, words = rule
    return f"({words})", name, None, None, None, None


def system_name(name: str) -> str:
    """An operating system's one name here: `iPhone OS` is iOS, `Mac OS X` is macOS."""
    return _SYSTEMS.get(name.lower(), name)


def _version(parts: Iterable[str | None]) -> str | None:
    """`("120", "0", "0")` → `120`: zeros at the end tell nothing, and browsers fill them in."""
    known: list[str] = []
    for part in parts:
        if part is None:
            break
        known.append(part)
    while len(known) > 1 and known[-1] == "0":
        known.pop()
    return ".".join(known)[:32] or None


_HINTED_BROWSERS = {
    "Microsoft Edge": "Edge",
    "Brave": "Brave",
    "Opera": "Opera",
    "Vivaldi": "Vivaldi",
    "Yandex": "Yandex",
}


def refine(device: Device, context: Mapping[str, Any]) -> Device:
    """The device as client hints (`context.userAgentData`) or an app's SDK (`context.os`, `context.device`) tell it."""
    return _told_by_app(_told_by_hints(device, section(context, "userAgentData")), context)


def _told_by_hints(device: Device, hints: Mapping[str, Any]) -> Device:
    """User-Agent Client Hints, low entropy and high; Chromium freezes the versions in its User-Agent text."""
    if not hints:
        return device
    told = dict(device)
    platform = text(hints.get("platform"), 64)
    if platform and platform != "Unknown":
        told["os"] = system_name(platform)
        if told["os"] != device.get("os"):
            told.pop("os_version", None)
        version = _version((text(hints.get("platformVersion"), 32) or "").split(".")[:3])
        if version and version != "0":
            told["os_version"] = _windows_version(version) if told["os"] == "Windows" else version
    if device.get("browser") in (None, "Chrome"):
        told.update(_told_by_brands(hints.get("brands")))
    if device.get("device_type") in (None, "desktop", "mobile", "tablet", "other"):
        if hints.get("mobile") is True:
            told["device_type"] = "mobile"
        elif hints.get("mobile") is False and told.get("os") == "Android":
            told["device_type"] = "tablet"
    return told


def _windows_version(platform_version: str) -> str:
    """Windows 11 reports 13 and up (Microsoft Learn, "Detect Windows 11 using User-Agent Client Hints")."""
    major = platform_version.partition(".")[0]
    return "11" if major.isdecimal() and int(major) >= 13 else "10"


def _told_by_brands(brands: object) -> Device:
    for brand in brands if isinstance(brands, list) else ():
        if isinstance(brand, dict) and (name := _HINTED_BROWSERS.get(text(brand.get("brand")) or "")):
            version = text(brand.get("version"), 32)
            return {"browser": name, "browser_version": version} if version else {"browser": name}
    return {}


_APP_DEVICES = {
    "ios": "mobile",
    "android": "mobile",
    "iphone": "mobile",
    "mobile": "mobile",
    "phone": "mobile",
    "smartphone": "mobile",
    "ipad": "tablet",
    "tablet": "tablet",
    "tvos": "tv",
    "tv": "tv",
    "android tv": "tv",
    "watchos": "wearable",
    "wearable": "wearable",
    "desktop": "desktop",
    "macos": "desktop",
    "windows": "desktop",
    "console": "console",
}
_TABLET_MODELS = re.compile(r"ipad|tablet|\bsm-[tx]\d|\btab\b", re.IGNORECASE)


def _told_by_app(device: Device, context: Mapping[str, Any]) -> Device:
    """Segment's mobile SDKs say `context.device.type` (`ios`, `android`), its model, and `context.os`."""
    system, hardware = section(context, "os"), section(context, "device")
    name, kind = text(system.get("name"), 64), _APP_DEVICES.get((text(hardware.get("type"), 32) or "").lower())
    if name is None and kind is None:
        return device
    told = dict(device)
    if name is not None:
        told["os"] = system_name(name)
        told.pop("os_version", None)
        if version := text(system.get("version"), 32):
            told["os_version"] = version
    if kind is not None:
        model = f"{text(hardware.get('model'), 64) or ''} {text(hardware.get('name'), 64) or ''}"
        told["device_type"] = "tablet" if kind == "mobile" and _TABLET_MODELS.search(model) else kind
        if "page" not in context:  # an app's own screen: the text names its HTTP client, no browser
            told.pop("browser", None)
            told.pop("browser_version", None)
    return told
