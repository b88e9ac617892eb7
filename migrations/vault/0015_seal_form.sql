-- How a seal over the access log reckons its records. 1: as programs did before there was this column, of which some leave out
-- which of a business's staff it was (0013). There is no default: such a program, still running beside newer ones during an update,
-- can seal nothing any more, and leaves it to those that reckon all there is.
ALTER TABLE vault.access_seals
    ADD COLUMN form smallint NOT NULL DEFAULT 1 CONSTRAINT access_seals_form_is_known CHECK (form IN (1, 2));
ALTER TABLE vault.access_seals ALTER COLUMN form DROP DEFAULT;
