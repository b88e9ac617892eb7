-- Read model `history`: what moved a member's bonuses, one line per purchase and cause. Unqualified names: the same text
-- makes `history` and `history_next`.

-- Newest first: ORDER BY position DESC within a member; a cursor is a position.
CREATE TABLE lines (
    member_id             uuid        NOT NULL,
    position              bigint      NOT NULL,
    line_id               uuid        NOT NULL,
    type                  text        NOT NULL,
    amount_kopecks        bigint      NOT NULL CHECK (amount_kopecks > 0),
    adds                  boolean     NOT NULL,
    business_id           uuid,
    medical               boolean     NOT NULL,
    origin_id             uuid        NOT NULL,
    occurred_at           timestamptz NOT NULL,
    balance_after_kopecks bigint      NOT NULL,
    PRIMARY KEY (member_id, position)
) WITH (fillfactor = 95);

-- The running total of each member, the number of her lines, and the newest line, into which the next lot of the same
-- purchase moved by the same cause goes.
CREATE TABLE totals (
    member_id     uuid   PRIMARY KEY,
    total_kopecks bigint NOT NULL,
    lines         bigint NOT NULL,
    last_position bigint NOT NULL,
    last_cause    uuid   NOT NULL
) WITH (fillfactor = 70);
