-- How many requests keep a text. Two with one key may keep the same one at once, and what came of each is known later: it goes
-- with the last that did nothing. A request that did something never takes its claim back.
ALTER TABLE vault.reasons ADD COLUMN claims integer NOT NULL DEFAULT 1 CHECK (claims >= 0);
ALTER TABLE vault.words ADD COLUMN claims integer NOT NULL DEFAULT 1 CHECK (claims >= 0);

GRANT UPDATE (claims, sealed, written_at) ON vault.reasons, vault.words TO own_circle_vault;
