-- Who triggered steps of chains, in two groups: those who were given something, and those who were held out, so that it can be
-- told what a chain brings. Rules X3, X8. As in 0002 a step from or to a medical business gives no row.

-- One row per trigger that gave a reward or was held out. What followed is no column: it is worked out from bills, alike for both
-- groups, since a conversion (Rule X4) belongs to one trigger of all that a purchase may follow from.
CREATE TABLE IF NOT EXISTS chain_triggers
(
    position           Int64                    COMMENT 'place of the event on the log',
    event_id           UUID,
    chain_id           UUID,
    version            UInt32,
    step               UInt32                   COMMENT 'place in the version, from 0',
    source_business_id UUID                     COMMENT 'where the purchase was',
    target_business_id UUID                     COMMENT 'where the step leads',
    trigger_id         UUID                     COMMENT 'the purchase',
    member_id          UUID,
    held_out           UInt8                    COMMENT '1: she was given nothing, by lot; 0: a coupon, or the promise of a cross bonus',
    bought_at          DateTime64(6, 'UTC')     COMMENT 'when the purchase was',
    until              DateTime64(6, 'UTC')     COMMENT 'the last moment at which a purchase at the target follows from it',
    occurred_at        DateTime64(6, 'UTC')     COMMENT 'when it was decided',
    day                Date32                   COMMENT 'Moscow day of occurred_at (Rule T2)',
    recorded_at        DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (chain_id, version, step, position)
SETTINGS non_replicated_deduplication_window = 1000;
