-- One more thing that waits for a second person: a coupon whose bonuses the coalition bears.
ALTER TABLE auth.approvals DROP CONSTRAINT approvals_kind_check;
ALTER TABLE auth.approvals ADD CONSTRAINT approvals_kind_check
    CHECK (kind IN ('manual_bonus', 'bonus_limit', 'coalition_coupon'));
