"""What another policy would have cost, over HTTP."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.model import Refusal
from gateway_core.store.errors import StoreError
from gateway_core.wire.errors import invalid_request


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the replays of ``gateway`` under another policy."""

    async def what_if(request: web.Request) -> web.Response:
        """The outcome of the policy in the query; see :func:`policy_of`. ``anew=1`` reads the log again."""
        from gateway_core.whatif_values import policy_of

        asked = dict(request.query)
        anew = asked.pop("anew", "") == "1"
        try:
            return reply(await gateway.what_if.outcome(policy_of(asked), anew=anew))
        except ValueError as error:
            text = str(error)
            return refuse(invalid_request(text if text.endswith(".") else f"{text}.", text.split(" ", 1)[0]))
        except StoreError as error:
            return refuse(Refusal("store_unavailable", str(error), 503))

    return [web.get("/api/whatif", what_if)]
