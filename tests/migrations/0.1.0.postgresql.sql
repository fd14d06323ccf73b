CREATE TABLE futures_settings (
    exchange VARCHAR(40) NOT NULL,
    account VARCHAR(32) NOT NULL,
    setting VARCHAR(16) NOT NULL,
    symbol VARCHAR(130) NOT NULL,
    value VARCHAR(40) NOT NULL,
    PRIMARY KEY (exchange, account, setting, symbol)
);

CREATE TABLE limits (
    name VARCHAR(400) NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE nonces (
    account VARCHAR(32) NOT NULL,
    high BIGINT NOT NULL,
    holder VARCHAR(32) NOT NULL,
    wanted BOOLEAN NOT NULL,
    PRIMARY KEY (account)
);

CREATE TABLE paper_accounts (
    id BIGSERIAL NOT NULL,
    exchange VARCHAR(40) NOT NULL,
    account VARCHAR(32) NOT NULL,
    seen BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (exchange, account)
);

CREATE TABLE paper_balances (
    account_id BIGINT NOT NULL,
    currency VARCHAR(40) NOT NULL,
    free VARCHAR(100) NOT NULL,
    PRIMARY KEY (account_id, currency),
    FOREIGN KEY(account_id) REFERENCES paper_accounts (id)
);

CREATE TABLE paper_fills (
    id BIGSERIAL NOT NULL,
    account_id BIGINT NOT NULL,
    order_id BIGINT,
    symbol VARCHAR(120) NOT NULL,
    time BIGINT NOT NULL,
    side VARCHAR(4) NOT NULL,
    price VARCHAR(100) NOT NULL,
    amount VARCHAR(100) NOT NULL,
    fee VARCHAR(100) NOT NULL,
    fee_currency VARCHAR(40) NOT NULL,
    profit VARCHAR(100) NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(account_id) REFERENCES paper_accounts (id)
);

CREATE INDEX ix_paper_fills_account_id ON paper_fills (account_id);

CREATE TABLE paper_orders (
    id BIGSERIAL NOT NULL,
    account_id BIGINT NOT NULL,
    symbol VARCHAR(120) NOT NULL,
    side VARCHAR(4) NOT NULL,
    price VARCHAR(100) NOT NULL,
    amount VARCHAR(100) NOT NULL,
    closes BOOLEAN NOT NULL,
    leverage INTEGER NOT NULL,
    client_id VARCHAR(36),
    created BIGINT NOT NULL,
    filled VARCHAR(100) NOT NULL,
    cost VARCHAR(100) NOT NULL,
    frozen VARCHAR(100) NOT NULL,
    status VARCHAR(9) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (account_id, client_id),
    FOREIGN KEY(account_id) REFERENCES paper_accounts (id)
);

CREATE INDEX paper_orders_open ON paper_orders (account_id, status);

CREATE TABLE paper_positions (
    account_id BIGINT NOT NULL,
    symbol VARCHAR(120) NOT NULL,
    side VARCHAR(5) NOT NULL,
    amount VARCHAR(100) NOT NULL,
    cost VARCHAR(100) NOT NULL,
    margin VARCHAR(100) NOT NULL,
    leverage INTEGER NOT NULL,
    PRIMARY KEY (account_id, symbol, side),
    FOREIGN KEY(account_id) REFERENCES paper_accounts (id)
);

CREATE TABLE orders (
    client_id VARCHAR(64) NOT NULL,
    exchange VARCHAR(40) NOT NULL,
    account VARCHAR(32) NOT NULL,
    request VARCHAR(64),
    symbol VARCHAR(130) NOT NULL,
    written VARCHAR(130) NOT NULL,
    side VARCHAR(4) NOT NULL,
    price VARCHAR(100),
    amount VARCHAR(100) NOT NULL,
    closes BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    until BIGINT NOT NULL,
    known TEXT,
    state VARCHAR(8) NOT NULL,
    order_id TEXT,
    answer TEXT,
    unclear BIGINT NOT NULL,
    told BIGINT NOT NULL,
    looked BIGINT NOT NULL,
    looks BIGINT NOT NULL,
    answered VARCHAR(64) NOT NULL,
    PRIMARY KEY (client_id),
    UNIQUE (exchange, account, request)
);

CREATE INDEX orders_line ON orders (exchange, account, symbol, side, state);

CREATE INDEX orders_state ON orders (state, created);
