-- Which of a business's staff it was, beside the business: an id, never a name. Null for a business's key, and in records of before.
ALTER TABLE vault.access_log ADD COLUMN staff_id uuid;
