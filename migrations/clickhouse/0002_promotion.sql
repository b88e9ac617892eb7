-- Cross-promotion: what became of the rewards of chains, what bills come to after edits, and which accounts are one. Rules
-- X4, X8, F6. The facts beside those of 0001, exact in the same way, and as there nothing comes from a medical business: a
-- step of a chain from or to one gives no row, and so no pair of businesses has one of them in it.

-- One row per refund or revision of a purchase of `transaction_facts`. What a bill comes to is the sum of both `bill`s less
-- the sum of `refunded`, and never below nothing.
CREATE TABLE IF NOT EXISTS bill_changes
(
    position       Int64                    COMMENT 'place of the event on the log',
    event_id       UUID,
    kind           LowCardinality(String)   COMMENT 'refunded, amended, handed_over (to another member) or taken_over (by her)',
    transaction_id UUID                     COMMENT 'the purchase',
    member_id      UUID                     COMMENT 'whose it is; of what was handed over, whose it was',
    business_id    UUID,
    bill           Decimal(18, 2)           COMMENT 'by how much a revision made the bill larger, negative for smaller',
    refunded       Decimal(18, 2)           COMMENT 'what was given back',
    day            Date32                   COMMENT 'Moscow day of bought_at (Rule T2)',
    bought_at      DateTime64(6, 'UTC')     COMMENT 'when the purchase was',
    recorded_at    DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (business_id, day, position)
SETTINGS non_replicated_deduplication_window = 1000;

-- What happened to rewards of chains: a row for the reward of a step (issued), for each code of a coupon (activated), for its
-- use with a purchase (used), for what a refund or revision of that purchase changed of it (reckoned), and for the purchase
-- that followed from the step's trigger (converted). A cross bonus (Rule B9) is issued as a promise and used when it is given.
-- Coupons that no chain gave are activated, used and reckoned, too.
CREATE TABLE IF NOT EXISTS chain_facts
(
    position           Int64                    COMMENT 'place of the event on the log',
    event_id           UUID,
    kind               LowCardinality(String)   COMMENT 'issued, activated, used, reckoned or converted',
    chain_id           UUID                     COMMENT 'all zeros where the coupon says it',
    version            UInt32,
    step               UInt32                   COMMENT 'place in the version, from 0',
    source_business_id UUID                     COMMENT 'where the step was triggered, for issued alone',
    target_business_id UUID                     COMMENT 'where its reward is good',
    coupon_id          UUID                     COMMENT 'the coupon, or what stands for a cross bonus; all zeros for converted',
    trigger_id         UUID                     COMMENT 'the purchase that triggered the step, for issued and converted',
    transaction_id     UUID                     COMMENT 'the purchase at the target, for used, reckoned and converted',
    member_id          UUID,
    discount           Decimal(18, 2)           COMMENT 'what comes off the bill, for reckoned how much more than before',
    bonuses            Decimal(18, 2)           COMMENT 'the bonuses of the coupon or the cross bonus, before refunds, for used alone',
    day                Date32                   COMMENT 'Moscow day of occurred_at (Rule T2)',
    occurred_at        DateTime64(6, 'UTC'),
    recorded_at        DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (kind, chain_id, position)
SETTINGS non_replicated_deduplication_window = 1000;

-- Which account stands for which since when: the newest row of an account counts. One that stands for itself again says so.
CREATE TABLE IF NOT EXISTS account_links
(
    position    Int64,
    event_id    UUID,
    member_id   UUID,
    survivor_id UUID,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (member_id, position)
SETTINGS non_replicated_deduplication_window = 1000;

-- What an analyst reads: one row per Moscow day of triggers and pair of businesses. A conversion belongs to the day of its
-- trigger, so that the rate is one, rounded half up to four decimals.
CREATE VIEW IF NOT EXISTS cross_promo_conversions AS
SELECT
    i.day AS date,
    i.source_business_id AS source_business_id,
    i.target_business_id AS target_business_id,
    count() AS triggers,
    countIf(c.is_there = 1) AS conversions,
    toDecimal64(intDiv(20000 * conversions + triggers, 2 * triggers), 4) / 10000 AS conversion_rate
FROM (SELECT * FROM chain_facts FINAL WHERE kind = 'issued') AS i
LEFT JOIN (SELECT chain_id, version, step, trigger_id, 1 AS is_there FROM chain_facts FINAL WHERE kind = 'converted') AS c
    ON c.chain_id = i.chain_id AND c.version = i.version AND c.step = i.step AND c.trigger_id = i.trigger_id
GROUP BY date, source_business_id, target_business_id;
