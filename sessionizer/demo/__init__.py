"""A small shop to click through, a page that shows what becomes of the clicks, and visitors on request.

Everything here stands outside the product: the shop speaks to the collector as any site would, the live page reads the
API as any client would.
"""

from sessionizer.demo.live import add_live_page
from sessionizer.demo.shop import make_shop_app

__all__ = ["add_live_page", "make_shop_app"]
