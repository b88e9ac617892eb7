-- Credentials: confirming codes, refresh tokens, API keys, QR tokens, signing keys.

-- One row per code sent. The code is kept as an HMAC over (code_id, code), the phone sealed for this row alone.
CREATE TABLE auth.otp_requests (
    code_id      uuid PRIMARY KEY,
    phone_index  bytea NOT NULL CHECK (octet_length(phone_index) = 32),
    phone_sealed bytea NOT NULL,
    code_mac     bytea NOT NULL CHECK (octet_length(code_mac) = 32),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    wrong_tries  smallint NOT NULL DEFAULT 0 CHECK (wrong_tries BETWEEN 0 AND 5),
    used_at      timestamptz
);
CREATE INDEX otp_requests_expiry ON auth.otp_requests (expires_at);

-- Counters of the sending limits, on the machine's clock. A window opens with its first hit.
CREATE TABLE auth.send_windows (
    subject        bytea NOT NULL CHECK (octet_length(subject) = 32),
    window_seconds integer NOT NULL CHECK (window_seconds > 0),
    opened_at      timestamptz NOT NULL,
    used           integer NOT NULL CHECK (used > 0),
    PRIMARY KEY (subject, window_seconds)
);
CREATE INDEX send_windows_opened ON auth.send_windows (opened_at);

-- The SMS that would have been sent; written in the dev profile only. Text and code are sealed for their row.
CREATE TABLE auth.dev_outbox (
    message_id  uuid PRIMARY KEY,
    position    bigint GENERATED ALWAYS AS IDENTITY,
    phone_index bytea NOT NULL CHECK (octet_length(phone_index) = 32),
    at          timestamptz NOT NULL,
    sealed      bytea NOT NULL
);
CREATE INDEX dev_outbox_phone ON auth.dev_outbox (phone_index, position);

-- A family is one sign-in: the chain of tokens that came from it. A reused token ends the chain.
CREATE TABLE auth.refresh_families (
    family_id  uuid PRIMARY KEY,
    member_id  uuid NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text CHECK (end_reason IN ('logout', 'reuse', 'revoked')),
    CONSTRAINT refresh_families_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX refresh_families_live ON auth.refresh_families (member_id) WHERE ended_at IS NULL;

CREATE TABLE auth.refresh_tokens (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    family_id  uuid NOT NULL REFERENCES auth.refresh_families (family_id) ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_family ON auth.refresh_tokens (family_id);

CREATE TABLE auth.api_keys (
    key_id      uuid PRIMARY KEY,
    business_id uuid,
    role        text NOT NULL CHECK (role IN ('business', 'auditor', 'admin', 'superadmin')),
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    key_hash    bytea NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE CHECK (octet_length(key_hash) = 32),
    created_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    CONSTRAINT api_keys_business_owns_its_keys CHECK ((role = 'business') = (business_id IS NOT NULL))
);
CREATE INDEX api_keys_business ON auth.api_keys (business_id) WHERE business_id IS NOT NULL;

-- Grows with every change of api_keys, in the same transaction: a cache that has seen N holds every key of N.
CREATE TABLE auth.api_keys_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL
);
INSERT INTO auth.api_keys_version (version) VALUES (0);

CREATE FUNCTION auth.api_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.api_keys_version SET version = version + 1;
    PERFORM pg_notify('own_circle_api_keys', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER api_keys_changed AFTER INSERT OR UPDATE OR DELETE ON auth.api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.api_keys_changed();

-- A scanned QR token and for which request it was spent: that request may be repeated, no other may use it.
CREATE TABLE auth.qr_used (
    jti        uuid PRIMARY KEY,
    claimant   bytea NOT NULL CHECK (octet_length(claimant) BETWEEN 1 AND 64),
    expires_at timestamptz NOT NULL
);
CREATE INDEX qr_used_expiry ON auth.qr_used (expires_at);

CREATE TABLE auth.signing_keys (
    key_id     text PRIMARY KEY,
    kek_id     text NOT NULL,
    wrapped    bytea NOT NULL,
    modulus    bytea NOT NULL,
    exponent   bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);

GRANT SELECT, INSERT, UPDATE, DELETE ON auth.otp_requests, auth.send_windows, auth.dev_outbox,
    auth.refresh_families, auth.refresh_tokens, auth.qr_used TO own_circle_vault;
-- An API key is revoked, never rewritten or removed.
GRANT SELECT, INSERT ON auth.api_keys TO own_circle_vault;
GRANT UPDATE (revoked_at) ON auth.api_keys TO own_circle_vault;
GRANT SELECT, UPDATE (version) ON auth.api_keys_version TO own_circle_vault;
GRANT SELECT, INSERT ON auth.signing_keys TO own_circle_vault;
GRANT UPDATE (kek_id, wrapped, retired_at) ON auth.signing_keys TO own_circle_vault;
