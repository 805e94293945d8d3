"""Erasing a person for good: everything that is theirs leaves the log, the store and the refused events."""

from aiohttp import web

from sessionizer.api import Api, parameters
from sessionizer.api.answers import as_json
from sessionizer.api.problems import Problem, ProblemReason, not_found
from sessionizer.eraser import NotFinished


async def erase(request: web.Request, api: Api) -> web.Response:
    """DELETE /v1/profiles/{who}"""
    try:
        done = await api.erase(parameters.who(request))
    except NotFinished as error:
        raise _problem_of(error) from error
    if done is None:
        raise not_found()
    return as_json(done.receipt, headers={"Log-Position": str(done.position)})


def _problem_of(error: NotFinished) -> Problem:
    if error.erasure_id is None:
        detail = "The mind has not folded in every event yet, so nothing was erased; try again."
        return Problem(ProblemReason.POSITION_NOT_REACHED, 504, detail, headers={"Retry-After": "5"})
    detail = "The erasure is durable and is being finished; nothing more needs to be asked."
    return Problem(ProblemReason.ERASURE_NOT_FINISHED, 504, detail, erasure_id=error.erasure_id)
