"""The libraries that a call of the service goes through, and nothing else: gunicorn, Flask, marshmallow, requests and
urllib3, without a promise. What the service takes beyond it is its own."""

import json
import os

import requests
from flask import Flask, Response, request
from marshmallow import Schema, fields
from urllib3 import PoolManager

URL = os.environ["BARE_URL"]
"""The fake exchange's address."""


class _Call(Schema):
    access_key = fields.String(required=True)
    secret_key = fields.String(required=True)
    nonce = fields.Integer(required=True)
    method = fields.String(required=True)
    params = fields.Dict(required=True)


class _Ticker(Schema):
    high = fields.Float()
    low = fields.Float()
    last = fields.Float()
    buy = fields.Float()
    sell = fields.Float()
    vol = fields.Float()


app = Flask(__name__)
_call, _ticker = _Call(), _Ticker()
_pool = PoolManager(maxsize=64, ca_certs=os.environ["CA_FILE"])

if hasattr(os, "sched_setaffinity"):  # as a worker of the service is
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@app.post("/bitgo")
def ticker() -> Response:
    """Answer a ticker."""
    call = _call.load(json.loads(request.get_data()))
    asked = requests.Request("POST", f"{URL}/appApi.html", params={"action": "market", **call["params"]}).prepare()
    reply = _pool.urlopen("POST", str(asked.url), headers=dict(asked.headers), redirect=False)
    return Response(json.dumps({"data": _ticker.dump(reply.json()["data"])}), mimetype="application/json")
