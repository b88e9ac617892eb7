-- Read model `statuses`: each member's two statuses (Rule S7), her consents, and her bills for the sums of Rule S1.
-- Unqualified names: the same text makes `statuses` and `statuses_next`.

-- The status shown is `with_medical_*` while the consent `medical_status` stands, else `ordinary_*`.
CREATE TABLE members (
    member_id              uuid        PRIMARY KEY,
    registered_at          timestamptz,
    ordinary_status        text        NOT NULL DEFAULT 'insider',
    ordinary_falls_on      date,
    ordinary_falls_to      text,
    with_medical_status    text        NOT NULL DEFAULT 'insider',
    with_medical_falls_on  date,
    with_medical_falls_to  text,
    invited                boolean     NOT NULL DEFAULT false,
    blocked                boolean     NOT NULL DEFAULT false,
    top_ordinary           boolean     NOT NULL DEFAULT false,
    top_with_medical       boolean     NOT NULL DEFAULT false,
    -- She was forgotten: no audience, no ranking and no review has her. Her bills stay, as bills of nobody.
    erased                 boolean     NOT NULL DEFAULT false,
    -- Her data are kept and not used (152-ФЗ art. 21): no business reads them, no audience and no review has her.
    processing_blocked     boolean     NOT NULL DEFAULT false
) WITH (fillfactor = 80);

CREATE TABLE consents (
    member_id uuid        NOT NULL,
    purpose   text        NOT NULL,
    granted   boolean     NOT NULL,
    version   text        NOT NULL,
    at        timestamptz NOT NULL,
    position  bigint      NOT NULL,
    PRIMARY KEY (member_id, purpose)
) WITH (fillfactor = 90);

-- Bills before bonuses and coupons, net of refunds (Rule F6). Rule S1's window is `occurred_at > after AND occurred_at <= now`.
CREATE TABLE bills (
    member_id      uuid        NOT NULL,
    occurred_at    timestamptz NOT NULL,
    position       bigint      NOT NULL,
    purchase_id    uuid        NOT NULL,
    business_id    uuid        NOT NULL,
    category       text        NOT NULL,
    medical        boolean     NOT NULL,
    amount_kopecks bigint      NOT NULL,
    PRIMARY KEY (member_id, occurred_at, position)
);

-- Who has a bill since the last review (Rule S2). Rows come in the order of the log, so this costs next to nothing.
CREATE INDEX bills_arrived ON bills USING brin (position);

-- What she paid for: Premium is active while some period holds the moment, whatever is written about its end (Rule S4).
-- `closed`: its end is on the log. What is over and not closed, and nothing follows on, has lapsed.
CREATE TABLE premium (
    member_id uuid        NOT NULL,
    from_time timestamptz NOT NULL,
    to_time   timestamptz NOT NULL,
    closed    boolean     NOT NULL DEFAULT false,
    -- The account it was paid for: another while two accounts of one woman are one.
    home      uuid        NOT NULL,
    PRIMARY KEY (member_id, from_time, home)
);
CREATE INDEX premium_ending ON premium (to_time) WHERE NOT closed;

-- What members demand about their data, and by when the law wants an answer: on the account that asked, also when it has gone
-- into another by now. `outcome` says what became of it: fulfilled, refused, erased.
CREATE TABLE requests (
    request_id       uuid        PRIMARY KEY,
    member_id        uuid        NOT NULL,
    kind             text        NOT NULL,
    channel          text        NOT NULL,
    received_at      timestamptz NOT NULL,
    due_at           timestamptz NOT NULL,
    -- False: in days of any kind, sooner than the law's, since a year's calendar was not there.
    by_calendar      boolean     NOT NULL,
    extended_because text,
    answered_at      timestamptz,
    outcome          text,
    refused_because  text,
    position         bigint      NOT NULL
);
CREATE INDEX requests_of_member ON requests (member_id, position);
CREATE INDEX requests_open ON requests (position) WHERE answered_at IS NULL;
