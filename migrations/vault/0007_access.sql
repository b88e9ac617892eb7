-- Staff, their sign-ins, what keys may do, second persons, and a log of what concerns security. Compliance P3.

-- What a key may do of what its role may; null: all of it.
ALTER TABLE auth.api_keys ADD COLUMN scopes text[]
    CONSTRAINT api_keys_scopes_are_of_a_business CHECK (scopes IS NULL OR role = 'business');

-- Whose sign-in a family is: `member_id` is a member's id, or one of staff's.
ALTER TABLE auth.refresh_families ADD COLUMN kind text NOT NULL DEFAULT 'member' CHECK (kind IN ('member', 'staff'));
-- Access tokens of a family that was ended are good for nothing: every process asks for those ended of late.
CREATE INDEX refresh_families_ended ON auth.refresh_families (ended_at) WHERE ended_at IS NOT NULL;

-- People of a business, or of the programme. The login is looked up by a keyed hash; login, password hash and TOTP secret are
-- sealed for this row alone.
CREATE TABLE auth.staff (
    staff_id             uuid PRIMARY KEY,
    business_id          uuid,
    role                 text NOT NULL CHECK (role IN ('business_owner', 'business_manager', 'business_staff', 'support',
                                                       'analyst', 'admin', 'superadmin', 'auditor')),
    login_index          bytea NOT NULL CONSTRAINT staff_login_index_key UNIQUE CHECK (octet_length(login_index) = 32),
    login_sealed         bytea NOT NULL,
    created_at           timestamptz NOT NULL,
    -- When who uses it may last have changed: the invitation, or a reset. Who is younger than a request does not approve it.
    secrets_since        timestamptz NOT NULL,
    -- Who invited it, or reset it last: nobody approves what that one asked for.
    made_by              uuid,
    disabled_at          timestamptz,
    enrolment_hash       bytea UNIQUE CHECK (octet_length(enrolment_hash) = 32),
    enrolment_expires_at timestamptz,
    password_sealed      bytea,
    totp_sealed          bytea,
    -- The newest step of time whose code was used: neither it nor an older one is good again.
    totp_step            bigint NOT NULL DEFAULT 0,
    CONSTRAINT staff_of_a_business_have_one CHECK ((role LIKE 'business\_%') = (business_id IS NOT NULL)),
    CONSTRAINT staff_enrolment_ends CHECK ((enrolment_hash IS NULL) = (enrolment_expires_at IS NULL)),
    CONSTRAINT staff_secrets_go_together CHECK ((password_sealed IS NULL) = (totp_sealed IS NULL))
);
CREATE INDEX staff_business ON auth.staff (business_id, staff_id);

-- Each good once. A keyed hash, since a code is short enough to be typed.
CREATE TABLE auth.staff_recovery_codes (
    staff_id  uuid NOT NULL REFERENCES auth.staff (staff_id) ON DELETE CASCADE,
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    used_at   timestamptz,
    PRIMARY KEY (staff_id, code_hash)
);

-- What one person has asked for and another must approve. Words about a member are no part of it: they are with her, in
-- vault.reasons, under her key.
CREATE TABLE auth.approvals (
    approval_id uuid PRIMARY KEY,
    number      bigint GENERATED ALWAYS AS IDENTITY,
    kind        text NOT NULL CHECK (kind IN ('manual_bonus', 'bonus_limit')),
    subject_id  uuid,
    request_key bytea NOT NULL CONSTRAINT approvals_request_key_key UNIQUE CHECK (octet_length(request_key) = 32),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    sealed      bytea NOT NULL,
    asked_by    uuid NOT NULL,
    asked_at    timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    decided_by  uuid,
    decided_at  timestamptz,
    approved    boolean,
    CONSTRAINT approvals_another_person_decides CHECK (decided_by <> asked_by),
    CONSTRAINT approvals_a_decision_is_whole
        CHECK ((decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (approved IS NULL))
);
CREATE INDEX approvals_number ON auth.approvals (number);

-- Sign-ins that failed, changes of rights, approvals, refusals that may be an attempt. Ids alone, never what was sent.
CREATE TABLE auth.security_events (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    actor_id    uuid,
    subject_id  uuid,
    business_id uuid,
    operation   text,
    code        text,
    request_id  uuid
);

CREATE FUNCTION auth.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'auth.% is insert-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER security_events_rows_stay BEFORE UPDATE OR DELETE ON auth.security_events
    FOR EACH ROW EXECUTE FUNCTION auth.refuse_change();
CREATE TRIGGER security_events_table_stays BEFORE TRUNCATE ON auth.security_events
    FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_change();
ALTER TABLE auth.security_events ENABLE ALWAYS TRIGGER security_events_rows_stay;
ALTER TABLE auth.security_events ENABLE ALWAYS TRIGGER security_events_table_stays;

REVOKE ALL ON FUNCTION auth.refuse_change() FROM PUBLIC;
GRANT SELECT, INSERT ON auth.security_events TO own_circle_vault;
GRANT SELECT, INSERT ON auth.staff TO own_circle_vault;
GRANT UPDATE (role, secrets_since, made_by, disabled_at, enrolment_hash, enrolment_expires_at, password_sealed, totp_sealed, totp_step)
    ON auth.staff TO own_circle_vault;
GRANT SELECT, INSERT, DELETE ON auth.staff_recovery_codes TO own_circle_vault;
GRANT UPDATE (used_at) ON auth.staff_recovery_codes TO own_circle_vault;
GRANT SELECT, INSERT ON auth.approvals TO own_circle_vault;
GRANT UPDATE (decided_by, decided_at, approved) ON auth.approvals TO own_circle_vault;
