-- Analytics: the ledger restricted to ordinary businesses (design J6). Applied by the sink at its start, statement by
-- statement, each idempotent; the database is the connection's. A later change is a new file with idempotent ALTERs.
--
-- Nothing here says who anybody is, and nothing comes from a medical business: such rows are never sent.
--
-- Why the numbers are exact after any crash or repetition:
-- 1. An insert is repeated with the same `insert_deduplication_token`, and `non_replicated_deduplication_window` (off by
--    default on non-replicated tables) drops it.
-- 2. What slips through (a refill, a token older than the window) has the same sorting key and the same partition, and a
--    ReplacingMergeTree collapses it: read with FINAL, or through `business_days`, which does not need it.
-- 3. `business_day_states` holds idempotent states only, so that a row seen twice changes nothing (see there).

-- One row per purchase with what it earned.
CREATE TABLE IF NOT EXISTS transaction_facts
(
    position       Int64                    COMMENT 'place of the purchase on the log',
    event_id       UUID                     COMMENT 'the event of the purchase',
    transaction_id UUID,
    member_id      UUID                     COMMENT 'random, says nothing about the person',
    business_id    UUID,
    business       LowCardinality(String)   COMMENT 'short name',
    category       LowCardinality(String)   COMMENT 'registered category of the business',
    source         LowCardinality(String)   COMMENT 'how the purchase came in',
    amount         Decimal(18, 2)           COMMENT 'the bill in roubles',
    bonus_accrued  Decimal(18, 2)           COMMENT 'bonuses earned, all funders',
    day            Date32                   COMMENT 'Moscow day of occurred_at (Rule T2)',
    occurred_at    DateTime64(6, 'UTC'),
    recorded_at    DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (business_id, day, position)
SETTINGS non_replicated_deduplication_window = 1000;

-- One row per movement of one lot in bonuses: postings in the unit BON come in pairs, and a row is one pair.
CREATE TABLE IF NOT EXISTS bonus_movements
(
    position       Int64                    COMMENT 'place of the event on the log',
    ordinal        UInt32                   COMMENT 'place of the movement in its event, from 0',
    event_id       UUID,
    kind           LowCardinality(String)   COMMENT 'accrued, matured, expired, held, released, redeemed, returned, taken_back, owed, repaid, gifted, adjusted, withdrawn, coupon or moved',
    lot_id         UUID,
    transaction_id UUID                     COMMENT 'the purchase (a coupon''s, too), gift or adjustment the lot came from',
    member_id      UUID,
    business_id    UUID                     COMMENT 'where the lot was earned; all zeros for what the coalition gave',
    funder         LowCardinality(String)   COMMENT 'short name of a business, or coalition',
    from_account   LowCardinality(String)   COMMENT 'chart of accounts; of a member her holding, without her id',
    to_account     LowCardinality(String),
    amount         Decimal(18, 2)           COMMENT 'bonuses, never negative',
    day            Date32                   COMMENT 'Moscow day of occurred_at (Rule T2)',
    occurred_at    DateTime64(6, 'UTC'),
    recorded_at    DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (business_id, day, position, ordinal)
SETTINGS non_replicated_deduplication_window = 1000;

-- One row per posting, in both units (design, Postings); those of one lot in one event sum to zero.
CREATE TABLE IF NOT EXISTS postings
(
    position    Int64                    COMMENT 'place of the event on the log',
    line        UInt32                   COMMENT 'place of the posting in its event, from 0',
    event_id    UUID,
    unit        LowCardinality(String)   COMMENT 'BON or RUB',
    account     LowCardinality(String)   COMMENT 'chart of accounts; of a member which of hers, without her id',
    member_id   UUID                     COMMENT 'on whose stream the event is',
    lot_id      UUID,
    funder      LowCardinality(String)   COMMENT 'short name of a business, or coalition',
    amount      Decimal(18, 2)           COMMENT 'bonuses or roubles, signed',
    day         Date32                   COMMENT 'Moscow day of occurred_at (Rule T2)',
    occurred_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (unit, account, day, position, line)
SETTINGS non_replicated_deduplication_window = 1000;

-- Daily business statistics as states. A materialized view on the facts would see every block that is inserted, also a
-- refill whose rows are there already, and ordinary sums would count twice. These states do not: a set united with a part
-- of itself is the same set, and the greatest amount per purchase of an amount that never changes is that amount. The
-- price is a state as large as the columns it comes from; the gain is an answer that is exact without FINAL.
CREATE TABLE IF NOT EXISTS business_day_states
(
    business_id UUID,
    day         Date32,
    business    SimpleAggregateFunction(any, LowCardinality(String)),
    category    SimpleAggregateFunction(any, LowCardinality(String)),
    customers   AggregateFunction(uniqExact, UUID),
    amounts     AggregateFunction(maxMap, Array(Int64), Array(Decimal(18, 2))),
    bonuses     AggregateFunction(maxMap, Array(Int64), Array(Decimal(18, 2)))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (business_id, day)
SETTINGS non_replicated_deduplication_window = 1000;

-- The way into the states. It keeps nothing, and it stands beside the facts, not behind them, so that a rebuild can
-- exchange the facts' table without touching a view that hangs on it.
CREATE TABLE IF NOT EXISTS business_day_input
(
    position      Int64,
    member_id     UUID,
    business_id   UUID,
    business      LowCardinality(String),
    category      LowCardinality(String),
    amount        Decimal(18, 2),
    bonus_accrued Decimal(18, 2),
    day           Date32
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS business_day_feed TO business_day_states AS
SELECT
    business_id,
    day,
    any(i.business) AS business,
    any(i.category) AS category,
    uniqExactState(member_id) AS customers,
    maxMapState([position], [amount]) AS amounts,
    maxMapState([position], [bonus_accrued]) AS bonuses
FROM business_day_input AS i
GROUP BY business_id, day;

-- What an analyst reads: one row per business and Moscow day.
CREATE VIEW IF NOT EXISTS business_days AS
SELECT
    business_id,
    any(s.business) AS business,
    any(s.category) AS category,
    day,
    length((maxMapMerge(amounts) AS merged).1) AS purchases,
    arraySum(merged.2) AS revenue,
    arraySum(maxMapMerge(bonuses).2) AS bonuses_accrued,
    uniqExactMerge(customers) AS unique_customers
FROM business_day_states AS s
GROUP BY business_id, day;

-- Which stretches of the log have been sent: (from_position, to_position] of the log `log_id`. A refill adds a row of a
-- higher generation. `leaf_hash` is the log's at `to_position`: with it ClickHouse can tell a log that has forked (L9).
CREATE TABLE IF NOT EXISTS ingested_batches
(
    log_id        UUID,
    from_position Int64,
    to_position   Int64,
    leaf_hash     FixedString(32),
    row_counts    Array(UInt64)   COMMENT 'table by table, in the order of the list in analytics/checksum.rs',
    row_checksums Array(UInt64),
    generation    UInt32          COMMENT '1 for the first insert, higher for a refill',
    ingested_at   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (log_id, from_position, to_position)
SETTINGS non_replicated_deduplication_window = 1000;
