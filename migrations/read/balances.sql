-- Read model `balances`: what each member has. Unqualified names: the same text makes `balances` and `balances_next`.

-- Posted balances: sums of the member's postings (design, Postings), in hundredths of a bonus.
CREATE TABLE member_balances (
    member_id         uuid   PRIMARY KEY,
    available_kopecks bigint NOT NULL DEFAULT 0,
    pending_kopecks   bigint NOT NULL DEFAULT 0,
    held_kopecks      bigint NOT NULL DEFAULT 0,
    debt_kopecks      bigint NOT NULL DEFAULT 0,
    position          bigint NOT NULL
) WITH (fillfactor = 70);

-- Lots with something left or held; the row of a lot that is used up is deleted. The balance at any moment follows (B6):
--   available: sum(left_kopecks) WHERE available_from <= now AND now <= expires_at, less debt
--   pending:   sum(left_kopecks) WHERE available_from >  now AND now <= expires_at
-- and what overdue holds have of a lot counts as left (Rule R1).
-- `origin` is what it came from (purchase, coupon, gift, referral, adjustment); only a purchase and its coupon have a business.
-- `pending` says what the log says: whether BonusMatured was written yet.
CREATE TABLE lots (
    member_id      uuid        NOT NULL,
    lot_id         uuid        NOT NULL,
    origin         text        NOT NULL,
    origin_id      uuid        NOT NULL,
    business_id    uuid,
    medical        boolean     NOT NULL,
    funder         text        NOT NULL,
    left_kopecks   bigint      NOT NULL CHECK (left_kopecks >= 0),
    held_kopecks   bigint      NOT NULL CHECK (held_kopecks >= 0),
    pending        boolean     NOT NULL,
    available_from timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    position       bigint      NOT NULL,
    PRIMARY KEY (member_id, lot_id)
) WITH (fillfactor = 90);

-- What is due: lots that matured (Rule B5) or expired (Rule B8) and for which that is not written yet.
CREATE INDEX lots_maturing ON lots (available_from) WHERE pending;
CREATE INDEX lots_expiring ON lots (expires_at) WHERE left_kopecks > 0;

-- What open holds have of which lots.
CREATE TABLE holds (
    member_id      uuid        NOT NULL,
    lot_id         uuid        NOT NULL,
    redemption_id  uuid        NOT NULL,
    amount_kopecks bigint      NOT NULL CHECK (amount_kopecks > 0),
    lapses_at      timestamptz NOT NULL,
    PRIMARY KEY (member_id, lot_id, redemption_id)
);
CREATE INDEX holds_lapsing ON holds (lapses_at);
