"""Where a visit comes from: tables of landing pages and referrers."""

import pytest

SHOP = "https://shop.example/p/1"


def arrival(derive, url=SHOP, referrer=None, **more):
    page = {"url": url} | ({"referrer": referrer} if referrer else {})
    return derive(context={"page": page} | more.pop("context", {}), **more)


@pytest.mark.parametrize(
    ("referrer", "channel", "source"),
    [
        (None, "direct", None),
        ("", "direct", None),
        ("about:blank", "direct", None),
        ("https://www.google.com/", "organic_search", "google"),
        ("https://www.google.co.uk/search?q=shoes", "organic_search", "google"),
        ("https://google.fr", "organic_search", "google"),
        ("https://www.bing.com/", "organic_search", "bing"),
        ("https://duckduckgo.com/", "organic_search", "duckduckgo"),
        ("https://fr.search.yahoo.com/", "organic_search", "yahoo"),
        ("https://www.qwant.com/", "organic_search", "qwant"),
        ("https://www.ecosia.org/", "organic_search", "ecosia"),
        ("https://search.brave.com/", "organic_search", "brave"),
        ("https://www.facebook.com/", "social", "facebook"),
        ("https://l.facebook.com/l.php?u=x", "social", "facebook"),
        ("https://l.instagram.com/", "social", "instagram"),
        ("https://t.co/abc", "social", "twitter"),
        ("https://www.tiktok.com/", "social", "tiktok"),
        ("https://www.pinterest.fr/", "social", "pinterest"),
        ("https://out.reddit.com/", "social", "reddit"),
        ("https://www.youtube.com/", "social", "youtube"),
        ("https://chatgpt.com/", "ai_assistant", "chatgpt"),
        ("https://chat.openai.com/", "ai_assistant", "chatgpt"),
        ("https://www.perplexity.ai/", "ai_assistant", "perplexity"),
        ("https://claude.ai/", "ai_assistant", "claude"),
        ("https://gemini.google.com/", "ai_assistant", "gemini"),
        ("https://copilot.microsoft.com/", "ai_assistant", "copilot"),
        ("https://chat.mistral.ai/", "ai_assistant", "mistral"),
        ("https://chat.deepseek.com/", "ai_assistant", "deepseek"),
        ("https://grok.com/", "ai_assistant", "grok"),
        ("https://www.meta.ai/", "ai_assistant", "meta ai"),
        ("https://you.com/", "ai_assistant", "you.com"),
        ("https://www.phind.com/", "ai_assistant", "phind"),
        ("https://mail.google.com/", "email", "gmail"),
        ("https://outlook.live.com/", "email", "outlook"),
        ("https://mail.orange.fr/", "email", "orange mail"),
        ("https://www.paypal.com/checkoutnow", "payment", "paypal"),
        ("https://checkout.stripe.com/", "payment", "stripe"),
        ("https://live.adyen.com/", "payment", "adyen"),
        ("https://pay.mollie.com/", "payment", "mollie"),
        ("https://payment-webinit.sips-services.com/", "payment", "worldline"),
        ("https://www.sogenactif.com/", "payment", "sogenactif"),
        ("https://checkout.getalma.eu/", "payment", "alma"),
        ("https://acs2.bank.example/", "payment", "3d_secure"),
        ("https://3ds-vdm.wlp-acs.com/", "payment", "worldline"),
        ("https://accounts.google.com/", "payment", "google login"),
        ("https://appleid.apple.com/", "payment", "apple login"),
        ("https://login.microsoftonline.com/", "payment", "microsoft login"),
        ("https://login.live.com/", "payment", "microsoft login"),
        ("https://pubs.acs.org/", "referral", "pubs.acs.org"),
        ("https://www.blog.example.org/review", "referral", "blog.example.org"),
        ("https://en.wikipedia.org/", "referral", "wikipedia"),
        ("https://notgoogle.com/", "referral", "notgoogle.com"),
        ("https://google.com.evil.example/", "referral", "google.com.evil.example"),
        ("android-app://com.google.android.gm/", "email", "gmail"),
        ("android-app://com.google.android.googlequicksearchbox/", "organic_search", "google"),
        ("android-app://com.facebook.katana/", "social", "facebook"),
        ("android-app://com.Slack/", "social", "slack"),
        ("android-app://com.openai.chatgpt/", "ai_assistant", "chatgpt"),
        ("android-app://org.example.reader/", "referral", "org.example.reader"),
    ],
)
def test_a_referrer_names_the_channel(derive, referrer, channel, source):
    derived = arrival(derive, referrer=referrer)
    assert (derived.channel, derived.channel_source) == (channel, source)


@pytest.mark.parametrize(
    ("query", "channel", "source"),
    [
        ("utm_source=google&utm_medium=cpc", "paid_search", "google"),
        ("utm_source=bing&utm_medium=ppc", "paid_search", "bing"),
        ("utm_source=unheard-of&utm_medium=cpc", "paid_search", "unheard-of"),
        ("utm_source=facebook&utm_medium=cpc", "paid_social", "facebook"),
        ("utm_source=ig&utm_medium=paid", "paid_social", "ig"),
        ("utm_source=facebook&utm_medium=paid_social", "paid_social", "facebook"),
        ("utm_source=x&utm_medium=paidsearch", "paid_search", "x"),
        ("utm_source=news.example&utm_medium=paid-social", "paid_social", "news.example"),
        ("utm_source=newsletter&utm_medium=email", "email", "newsletter"),
        ("utm_source=google&utm_medium=e-mail", "email", "google"),
        ("utm_source=newsletter", "email", "newsletter"),
        ("utm_source=Klaviyo", "email", "Klaviyo"),
        ("utm_source=x&utm_medium=newsletter", "email", "x"),
        ("utm_source=awin&utm_medium=affiliate", "affiliate", "awin"),
        ("utm_source=criteo&utm_medium=display", "display", "criteo"),
        ("utm_source=criteo&utm_medium=retargeting", "display", "criteo"),
        ("utm_source=site&utm_medium=banner", "display", "site"),
        ("utm_source=site&utm_medium=cpm", "display", "site"),
        ("utm_source=fb&utm_medium=social", "social", "fb"),
        ("utm_source=anything&utm_medium=social-media", "social", "anything"),
        ("utm_source=facebook", "social", "facebook"),
        ("utm_source=instagram&utm_medium=story", "social", "instagram"),
        ("utm_source=facebook&utm_medium=referral", "social", "facebook"),
        ("utm_source=google&utm_medium=organic", "organic_search", "google"),
        ("utm_source=x.example&utm_medium=organic", "organic_search", "x.example"),
        ("utm_source=partner&utm_medium=referral", "referral", "partner"),
        ("utm_source=chatgpt.com", "ai_assistant", "chatgpt.com"),
        ("utm_source=perplexity", "ai_assistant", "perplexity"),
        ("utm_source=poster&utm_medium=qr", "campaign", "poster"),
        ("utm_campaign=summer", "campaign", None),
        ("utm_source=(not%20set)&utm_medium=(none)", "direct", None),
        ("utm_source=&utm_medium=", "direct", None),
        ("gclid=abc", "paid_search", "google"),
        ("gbraid=abc", "paid_search", "google"),
        ("wbraid=abc", "paid_search", "google"),
        ("msclkid=abc", "paid_search", "bing"),
        ("yclid=1", "paid_search", "yandex"),
        ("dclid=abc", "display", "google"),
        ("ttclid=abc", "paid_social", "tiktok"),
        ("twclid=abc", "paid_social", "twitter"),
        ("li_fat_id=abc", "paid_social", "linkedin"),
        ("epik=abc", "paid_social", "pinterest"),
        ("ScCid=abc", "paid_social", "snapchat"),
        ("irclickid=abc", "affiliate", "impact"),
        ("fbclid=abc", "social", "facebook"),
        ("mc_eid=abc", "email", "mailchimp"),
        ("utm_source=facebook&utm_medium=paid&fbclid=abc", "paid_social", "facebook"),
        ("utm_source=google&gclid=abc", "paid_search", "google"),
        ("utm_source=google&utm_medium=organic&gclid=abc", "organic_search", "google"),
        ("utm_source=shop&utm_medium=summer&gclid=abc", "paid_search", "shop"),
        ("utm_campaign=summer&gclid=abc", "paid_search", "google"),
        ("UTM_SOURCE=facebook&UTM_Medium=CPC", "paid_social", "facebook"),
    ],
)
def test_a_campaign_names_the_channel(derive, query, channel, source):
    derived = arrival(derive, url=f"{SHOP}?{query}")
    assert (derived.channel, derived.channel_source) == (channel, source)


def test_every_part_of_a_campaign_is_kept(derive):
    derived = arrival(derive, f"{SHOP}?utm_source=s&utm_medium=m&utm_campaign=c%20c&utm_term=t&utm_content=o&gclid=g1")
    assert (derived.channel_source, derived.medium, derived.campaign) == ("s", "m", "c c")
    assert (derived.term, derived.content, derived.click_id) == ("t", "o", "gclid:g1")


def test_an_email_senders_id_of_its_subscriber_is_not_kept_as_a_click_id(derive):
    assert arrival(derive, f"{SHOP}?mc_eid=person").click_id is None


def test_a_campaign_in_the_fragment_counts(derive):
    assert arrival(derive, f"{SHOP}#utm_source=x&utm_medium=affiliate").channel == "affiliate"


def test_a_campaign_beats_a_referrer(derive):
    derived = arrival(derive, f"{SHOP}?utm_source=news&utm_medium=email", "https://www.google.com/")
    assert derived.channel == "email"
    assert derived.referrer == "https://www.google.com/"


def test_a_campaign_without_source_or_medium_takes_its_referrers_channel(derive):
    derived = arrival(derive, f"{SHOP}?utm_campaign=summer", "https://www.facebook.com/")
    assert (derived.channel, derived.channel_source, derived.campaign) == ("social", "facebook", "summer")


def test_facebooks_id_on_a_link_from_instagram_is_instagram(derive):
    assert arrival(derive, f"{SHOP}?fbclid=1", "https://l.instagram.com/").channel_source == "instagram"


def test_segments_campaign_counts_when_the_address_has_none(derive):
    said = {"campaign": {"name": "summer", "source": "google", "medium": "cpc", "term": 5}}
    derived = arrival(derive, context=said)
    assert (derived.channel, derived.campaign, derived.term) == ("paid_search", "summer", None)
    assert arrival(derive, f"{SHOP}?utm_source=n&utm_medium=email", context=said).channel == "email"


@pytest.mark.parametrize(
    ("url", "referrer", "origins"),
    [
        (SHOP, "https://shop.example/", ()),
        (SHOP, "https://www.shop.example/cart", ()),
        ("https://www.shop.example/", "https://shop.example/", ()),
        (SHOP, "https://checkout.shop.example/", ()),
        ("https://checkout.shop.example/", "https://shop.example/", ()),
        ("http://localhost:8000/a", "http://localhost:8000/b", ()),
        ("https://shop.brand.example/", "https://checkout.brand.example/", ("https://shop.brand.example",)),
        ("https://checkout.brand.example/", "https://brand.example/", ("https://www.brand.example",)),
        (SHOP, "https://other-brand.example/", ("https://other-brand.example", "https://shop.example")),
    ],
)
def test_the_site_itself_is_internal_and_no_referrer(derive, make_source, url, referrer, origins):
    derived = arrival(derive, url, referrer, source=make_source(origins=origins))
    assert derived.channel == "internal"
    assert derived.referrer is None


@pytest.mark.parametrize(
    ("url", "referrer", "origins"),
    [
        ("https://shop.brand.example/", "https://checkout.brand.example/", ()),
        ("https://shop.co.uk/", "https://store.co.uk/", ("https://shop.co.uk",)),
        ("https://shop.com.au/", "https://store.com.au/", ("https://shop.com.au",)),
        (SHOP, "https://myshop.example/", ()),
        (SHOP, "https://other.example/", ("not a url", "https://[bad", "")),
    ],
)
def test_a_site_of_somebody_else_is_not_internal(derive, make_source, url, referrer, origins):
    assert arrival(derive, url, referrer, source=make_source(origins=origins)).channel == "referral"


def test_a_social_apps_own_browser_without_a_referrer_is_that_app(derive):
    instagram = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21B74 "
        "Instagram 308.0.2.18.106 (iPhone12,1; iOS 17_1; fr_FR; fr; scale=2.00; 828x1792; 533874066)"
    )
    derived = arrival(derive, context={"userAgent": instagram})
    assert (derived.channel, derived.channel_source) == ("social", "instagram")
    assert (
        arrival(derive, referrer="https://www.google.com/", context={"userAgent": instagram}).channel
        == "organic_search"
    )


def test_only_events_that_name_a_page_have_a_channel(derive):
    assert derive(type="track", event="Ping").channel is None
    assert derive(type="identify").channel is None
    assert derive(type="track", event="Ping", context={"page": {"url": SHOP}}).channel == "direct"
    assert derive(type="track", event="Ping", properties={"url": SHOP}).channel == "direct"
    assert derive(type="screen", name="Home").channel == "direct"
    assert derive(type="page").channel == "direct"
