-- Read model `journal`: every posting of the log, and its running totals (design, Postings). Unqualified names: the same
-- text makes `journal` and `journal_next`. Amounts are signed: hundredths of a bonus (BON), kopecks (RUB).

CREATE TABLE postings (
    position    bigint      NOT NULL,
    -- Its place among the postings of the event, from 0.
    line        integer     NOT NULL,
    event_id    uuid        NOT NULL,
    unit        text        NOT NULL,
    account     text        NOT NULL,
    kopecks     bigint      NOT NULL,
    lot_id      uuid        NOT NULL,
    funder      text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (position, line)
);

-- The trial balance: the sum of each account. All members are one: `member/available` is the sum of
-- `member/{id}/available`, so there are a few rows per business, whatever the number of members.
CREATE TABLE totals (
    unit    text   NOT NULL,
    account text   NOT NULL,
    kopecks bigint NOT NULL,
    PRIMARY KEY (unit, account)
) WITH (fillfactor = 20);

-- What became of each lot, from its postings in BON: issued = redeemed + expired + taken back + outstanding. Outstanding
-- is what members have of it, whether pending, available or held.
CREATE TABLE lots (
    lot_id              uuid   PRIMARY KEY,
    issued_kopecks      bigint NOT NULL,
    redeemed_kopecks    bigint NOT NULL,
    expired_kopecks     bigint NOT NULL,
    taken_back_kopecks  bigint NOT NULL,
    outstanding_kopecks bigint NOT NULL
) WITH (fillfactor = 80);

-- The lots that do not add up: empty, so asking costs nothing.
CREATE INDEX lots_broken ON lots (lot_id)
    WHERE issued_kopecks <> redeemed_kopecks + expired_kopecks + taken_back_kopecks + outstanding_kopecks;
