-- Read model `directory`: businesses, policies, quarantine, purchases and coupons by id. Unqualified names: the same text makes
-- `directory` and `directory_next`.

CREATE TABLE businesses (
    business_id   uuid        PRIMARY KEY,
    slug          text        NOT NULL UNIQUE,
    name          text        NOT NULL,
    category      text        NOT NULL,
    medical       boolean     NOT NULL,
    registered_at timestamptz NOT NULL,
    position      bigint      NOT NULL
);

-- A business's terms by the moment they begin; those of its registration begin with time itself.
CREATE TABLE terms (
    business_id    uuid        NOT NULL,
    effective_from timestamptz NOT NULL,
    position       bigint      NOT NULL,
    terms          jsonb       NOT NULL,
    PRIMARY KEY (business_id, position)
);

-- Multipliers of periods. Rule B3.
CREATE TABLE multipliers (
    business_id uuid        NOT NULL,
    position    bigint      NOT NULL,
    from_time   timestamptz NOT NULL,
    to_time     timestamptz NOT NULL,
    value       text        NOT NULL,
    -- The offer that promises it.
    offer_id    uuid,
    PRIMARY KEY (business_id, position)
);

CREATE TABLE policies (
    version        bigint      PRIMARY KEY,
    effective_from timestamptz NOT NULL,
    published_at   timestamptz NOT NULL,
    parameters     jsonb       NOT NULL,
    position       bigint      NOT NULL
);

-- Documents that wait for an admin (Rule T3); those that may be another system's report of a purchase say of which (Rule D5).
CREATE TABLE quarantine (
    quarantine_id  uuid        PRIMARY KEY,
    state          text        NOT NULL DEFAULT 'waiting',
    reason         text        NOT NULL,
    member_id      uuid        NOT NULL,
    business_id    uuid        NOT NULL,
    business       text        NOT NULL,
    medical        boolean     NOT NULL,
    purchase_id    uuid        NOT NULL,
    amount_kopecks bigint      NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    position       bigint      NOT NULL,
    resembles      uuid,
    source_system  text
);
CREATE INDEX quarantine_newest ON quarantine (state, position);

-- `position` is that of its first fact, `edited` that of its newest revision (Rule D3), which may be on another member's stream.
CREATE TABLE purchases (
    purchase_id     uuid        PRIMARY KEY,
    business_id     uuid        NOT NULL,
    medical         boolean     NOT NULL,
    member_id       uuid        NOT NULL,
    amount_kopecks  bigint      NOT NULL,
    bonuses_kopecks bigint      NOT NULL DEFAULT 0,
    available_from  timestamptz,
    expires_at      timestamptz,
    source          text        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    position        bigint      NOT NULL,
    edited          bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 90);
CREATE INDEX purchases_of_business ON purchases (business_id, position);

-- Coupons. Rules C. What one says in words is in the vault. `state` is what the log says; a coupon past `expires_at`, or a
-- code past `code_until`, is not good whatever it says.
CREATE TABLE coupons (
    coupon_id          uuid        PRIMARY KEY,
    member_id          uuid        NOT NULL,
    business_id        uuid        NOT NULL,
    medical            boolean     NOT NULL,
    type               text        NOT NULL,
    value              text,
    cap_kopecks        bigint,
    min_bill_kopecks   bigint,
    new_customers_only boolean     NOT NULL,
    statuses           text[]      NOT NULL,
    with_bonuses       boolean     NOT NULL,
    by_coalition       boolean     NOT NULL,
    valid_from         timestamptz,
    expires_at         timestamptz NOT NULL,
    state              text        NOT NULL CHECK (state IN ('issued', 'activated', 'redeemed', 'expired', 'revoked')),
    code_hash          text,
    code_until         timestamptz,
    purchase_id        uuid,
    discount_kopecks   bigint      NOT NULL DEFAULT 0,
    bonuses_kopecks    bigint      NOT NULL DEFAULT 0,
    -- Texts of the chain or the offer that gave it.
    description_id     uuid,
    gift_id            uuid,
    offer_id           uuid,
    issued_at          timestamptz NOT NULL,
    ended_at           timestamptz,
    position           bigint      NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX coupons_of_member ON coupons (member_id, position);
-- Who has had the coupon of an offer.
CREATE INDEX coupons_of_offer ON coupons (offer_id, member_id) WHERE offer_id IS NOT NULL;
CREATE INDEX coupons_ending ON coupons (expires_at) WHERE state IN ('issued', 'activated');
