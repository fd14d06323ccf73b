"""OKX's error codes: https://www.okx.com/docs-v5/en/#error-code-rest-api-public"""

from exchanges.base import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderFilled,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    WrongTime,
    codes,
)

REFUSALS = codes({
    OutcomeUnknown: "50001 50004 50026 51016 51054 51149 51410 51412",  # its own failures, and our client id
    WrongTime: "50036 50102 50112",
    AuthenticationFailed: (
        "50007 50008 50009 50027 51009 51024 "  # accounts that are blocked or restricted
        "50030 50035 50041 50100 50101 50103 50104 50105 50106 50107 50108 50109 50110 50111 50113 50114 50118 50119 "
        "50120 50121"
    ),
    InsufficientFunds: "51008 51119 51127 51131 51502",
    OrderNotFound: "51063 51400 51401 51402 51405 51503 51509 51603",
    OrderFilled: "51510",
    InvalidOrder: (
        "50122 51005 51006 51007 51020 51031 51033 51101 51116 51118 51120 51121 51122 51135 51136 51137 51138 51150 "
        "51185 51201 51202 51203"
    ),
    RateLimited: "50011 50040 50061 51113",
    Maintenance: "50005 50013 50046 50062 51021 51022 51028 51029 51030",
})  # fmt: skip

REFUSAL_TEXTS = {"51000 Parameter (px|sz) ": InvalidOrder}

BANS = {"50011": 2.0}  # seconds: a limit was exceeded, and all are of two seconds
