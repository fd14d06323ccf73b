"""The requests of the article that this gateway implements (fmz.com/bbs-topic/1052), word for word."""

import re


def plain_json(sample: str) -> bytes:
    """Return a sample as JSON: without the comments, dots and final commas that the article adds for its readers."""
    text = re.sub(r"//.*", "", sample)
    text = re.sub(r"(:\s*){\.\.\.}", r"\1{}", text)  # "raw" : {...}
    text = re.sub(r"{\s*\.\.\.\s*}|\.\.\.", "", text)
    return re.sub(r",[\s,]*(?=[]}])", "", text).encode()


KEYS = {"access_key": "access_key", "secret_key": "secret_key", "nonce": 1500793319499}
REQUESTS = {
    "section 2": (
        """
{
    "access_key" : "XXX",               // `json:"access_key"`
    "secret_key" : "XXX",               // `json:"secret_key"`
    "nonce" : "1502345965295519602",    // `json:"nonce"`
    "method" : "ticker",                // `json:"method"`
    "params" : {                        // `json:"params"`
                   "symbol" : "btc",
                   ...
               },                       // 各个请求参数略有区别。即在策略中调用不同的 发明者量化 API会有不同的参数, 在下文各个API 有介绍说明。
}
""",  # noqa: E501
        {"access_key": "XXX", "secret_key": "XXX", "nonce": 1502345965295519602},
        "ticker",
        {"symbol": "btc"},
    ),
    "GetTicker": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "ticker",
          "params" :     {"symbol" : "ETH_BTC"},     // 以ETH_BTC交易对举例
      }
""",
        KEYS,
        "ticker",
        {"symbol": "ETH_BTC"},
    ),
    "GetRecords": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "records",
          "params" :     {"symbol" : "ETH_BTC", "period" : "1440"},     // 以ETH_BTC交易对,K线周期为日线举例
      }
""",
        KEYS,
        "records",
        {"symbol": "ETH_BTC", "period": "1440"},
    ),
    "GetDepth": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "depth",
          "params" :     {"symbol" : "ETH_BTC"},     // 以ETH_BTC交易对举例
      }
""",
        KEYS,
        "depth",
        {"symbol": "ETH_BTC"},
    ),
    "GetTrades": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "trades",
          "params" :     {"symbol" : "ETH_BTC"},     // 以ETH_BTC交易对举例
      }
""",
        KEYS,
        "trades",
        {"symbol": "ETH_BTC"},
    ),
    "GetAccount": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "accounts",
          "params" :     {},                         \n      }
""",
        KEYS,
        "accounts",
        {},
    ),
    "Buy": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "trade",
          "params" :     {
                             "symbol" : "ETH_BTC", \n                             "type" : "buy", \n\
                             "price" : "1000", \n                             "amount" : "1"
                         },                          // 以ETH_BTC交易对,"type":"buy"买请求,价格1000,数量1举例
      }
""",
        KEYS,
        "trade",
        {"symbol": "ETH_BTC", "type": "buy", "price": "1000", "amount": "1"},
    ),
    "GetOrder": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "order",
          "params" :     {"symbol" : "ETH_BTC", "id" : "XXX"},     // 以ETH_BTC交易对,订单id为XXX举例,注意有些交易所的订单号是数字形式的订单ID,如123456,有些交易所的订单号是字符串形式的ID,如poimd55sdfheqxv,具体看交易所的订单ID格式
      }
""",  # noqa: E501
        KEYS,
        "order",
        {"symbol": "ETH_BTC", "id": "XXX"},
    ),
    "GetOrders": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "orders",
          "params" :     {"symbol" : "ETH_BTC"},     // 以ETH_BTC交易对举例
      }
""",
        KEYS,
        "orders",
        {"symbol": "ETH_BTC"},
    ),
    "CancelOrder": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "cancel",
          "params" :     {"symbol" : "ETH_BTC", "id" : "XXX"},     // 以ETH_BTC交易对,id为"XXX"(同GetOrder函数的参数id一样),举例
      }
""",  # noqa: E501
        KEYS,
        "cancel",
        {"symbol": "ETH_BTC", "id": "XXX"},
    ),
    "IO": (
        """
      {
          "access_key" : "access_key",
          "secret_key" : "secret_key",
          "nonce" :      "1500793319499",            // 毫秒时间戳
          "method" :     "__api_XXX",                // XXX为具体交易所的API接口(不包含基地址)
          "params" :     {"borrow_id" : "123", "symbol" : "cny"},      // 具体是传入IO函数的参数
      }
""",
        KEYS,
        "__api_XXX",
        {"borrow_id": "123", "symbol": "cny"},
    ),
    "SetContractType": (
        '{"access_key":"123","method":"io","nonce":1623307269528738000,"params":{"args":["quarter"],"code":2},"secret_key":"123"}',
        {"access_key": "123", "secret_key": "123", "nonce": 1623307269528738000},
        "io",
        {"args": ["quarter"], "code": 2},
    ),
    "SetDirection": (
        '{"access_key":"123","method":"io","nonce":1623308734966484000,"params":{"args":["closesell"],"code":1},"secret_key":"123"}',
        {"access_key": "123", "secret_key": "123", "nonce": 1623308734966484000},
        "io",
        {"args": ["closesell"], "code": 1},
    ),
    "SetMarginLevel": (
        '{"access_key":"123","method":"io","nonce":1623308734966939000,"params":{"args":[12],"code":0},"secret_key":"123"}',
        {"access_key": "123", "secret_key": "123", "nonce": 1623308734966939000},
        "io",
        {"args": [12], "code": 0},
    ),
    "GetPosition()": (
        '{"access_key":"123","method":"io","nonce":1623308734967442000,"params":{"args":[],"code":3},"secret_key":"123"}',
        {"access_key": "123", "secret_key": "123", "nonce": 1623308734967442000},
        "io",
        {"args": [], "code": 3},
    ),
    'GetPosition("swap")': (
        '{"access_key":"123","method":"io","nonce":1623308734967442000,"params":{"args":["swap"],"code":3},"secret_key":"123"}',
        {"access_key": "123", "secret_key": "123", "nonce": 1623308734967442000},
        "io",
        {"args": ["swap"], "code": 3},
    ),
}
