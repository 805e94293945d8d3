"""The edge as an aiohttp application: its routes, and the middleware that no error gets past."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from collector.direct import DIRECT, DirectHandler
from collector.handlers import EdgeHandlers
from collector.pipeline import ADAPTERS, Edge
from collector.problems import problem
from collector.rejection import Reason
from collector.snippet import Script, scripts

_log = logging.getLogger(__name__)

EDGE = web.AppKey("edge", Edge)

DEVICE_PATH = "/v1/device"
LINK_PATH = "/v1/link"
LIVE_PATH = "/v1/live"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_edge_routes(app: web.Application, edge: Edge, tracker: Mapping[str, Script] | None = None) -> None:
    """Put the edge's paths on an application. `tracker`, by path, is the one in the package unless given."""
    handlers = EdgeHandlers(edge)
    app[EDGE] = edge
    app[DIRECT] = dict.fromkeys(_posted_paths(), _answering(handlers.ingest, edge))
    for adapter in ADAPTERS:
        for path in adapter.paths:
            for each in (path, f"{path}/"):
                for method in adapter.methods:
                    app.router.add_route(method, each, handlers.ingest)
                app.router.add_route("OPTIONS", each, handlers.preflight)
    for path, handler in ((DEVICE_PATH, handlers.device), (LINK_PATH, handlers.link)):
        app.router.add_post(path, handler)
        app.router.add_route("OPTIONS", path, handlers.preflight)
    app.router.add_get(LIVE_PATH, handlers.live, allow_head=False)
    for path, script in (tracker or scripts(edge.settings.tracker_max_age_s)).items():
        app.router.add_get(path, script.serve)
    app.on_shutdown.append(_end_live)


def make_app(edge: Edge, tracker: Mapping[str, Script] | None = None) -> web.Application:
    """The edge alone. Run it with `collector.listener.EdgeRunner`, which keeps its deadlines."""
    app = web.Application(middlewares=[answer_errors])
    add_edge_routes(app, edge, tracker)
    return app


def _posted_paths() -> list[str]:
    return [path for adapter in ADAPTERS if "POST" in adapter.methods for path in adapter.paths]


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is a problem+json; what nobody expected is logged, counted and a 500. Put it outermost."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return problem(error.status, HTTPStatus(error.status).name.lower(), headers=headers)
    except ConnectionError:
        return _hung_up()
    except Exception:  # noqa: BLE001 - the outermost one, so that no sender ever waits for an answer
        return _crashed(request.method, request.match_info.route.resource, request.app.get(EDGE))


def _answering(ingest: DirectHandler, edge: Edge) -> DirectHandler:
    """The same for requests that come the short way."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await ingest(request)
        except ConnectionError:
            return _hung_up()
        except Exception:  # noqa: BLE001 - the outermost one here
            return _crashed(request.method, request.path, edge)

    return answer


def _hung_up() -> web.Response:
    """For nobody: the other side is gone."""
    return problem(HTTPStatus.BAD_REQUEST, Reason.UNREADABLE.value, "the connection was lost")


def _crashed(method: str, where: object, edge: Edge | None) -> web.Response:
    """Call it while the exception is being handled."""
    _log.exception("unexpected error in %s %s", method, where)
    if edge is not None:
        edge.counters.crashes.inc()
    return problem(500, "internal_error", "this is our fault, and was logged")


async def _end_live(app: web.Application) -> None:
    app[EDGE].live.close()
