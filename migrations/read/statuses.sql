-- Read model `statuses`: each member's two statuses (Rule S7), her consents, and her bills for the sums of Rule S1.
-- Unqualified names: the same text makes `statuses` and `statuses_next`.

-- The status shown is `with_medical_*` while the consent `medical_status` stands, else `ordinary_*`.
CREATE TABLE members (
    member_id              uuid        PRIMARY KEY,
    registered_at          timestamptz,
    ordinary_status        text        NOT NULL DEFAULT 'insider',
    ordinary_falls_on      date,
    ordinary_falls_to      text,
    with_medical_status    text        NOT NULL DEFAULT 'insider',
    with_medical_falls_on  date,
    with_medical_falls_to  text
) WITH (fillfactor = 80);

CREATE TABLE consents (
    member_id uuid        NOT NULL,
    purpose   text        NOT NULL,
    granted   boolean     NOT NULL,
    version   text        NOT NULL,
    at        timestamptz NOT NULL,
    position  bigint      NOT NULL,
    PRIMARY KEY (member_id, purpose)
) WITH (fillfactor = 90);

-- Bills before bonuses and coupons, net of refunds (Rule F6). Rule S1's window is `occurred_at > after AND occurred_at <= now`.
CREATE TABLE bills (
    member_id      uuid        NOT NULL,
    occurred_at    timestamptz NOT NULL,
    position       bigint      NOT NULL,
    purchase_id    uuid        NOT NULL,
    category       text        NOT NULL,
    medical        boolean     NOT NULL,
    amount_kopecks bigint      NOT NULL,
    PRIMARY KEY (member_id, occurred_at, position)
);
