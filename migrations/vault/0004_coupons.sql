-- The codes of coupons, sealed with the member's key so that she can be shown hers again. A code is known by its keyed hash
-- alone, and the primary key makes it hers alone, whichever process draws it. Rule C2.
CREATE TABLE vault.coupon_codes (
    code_hash  bytea PRIMARY KEY CHECK (octet_length(code_hash) = 32),
    member_id  uuid NOT NULL REFERENCES vault.members (member_id) ON DELETE CASCADE,
    sealed     bytea NOT NULL,
    -- The last moment at which it can be good.
    good_until timestamptz NOT NULL
);
CREATE INDEX coupon_codes_member ON vault.coupon_codes (member_id);
CREATE INDEX coupon_codes_ending ON vault.coupon_codes (good_until);

GRANT SELECT, INSERT, DELETE ON vault.coupon_codes TO own_circle_vault;
