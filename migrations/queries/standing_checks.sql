-- The standing checks of the ledger (design, Postings): one row each, with two numbers that are equal at every prefix of
-- the log, and by how much they are apart. Asked by the projector of `journal` for its metrics and by the trial balance.
--
-- Two of them compare `journal` with `balances`. They are decided when both have applied the same events, otherwise
-- right_kopecks and off_kopecks are null; only then the members' rows are summed up, which is what costs time here.
WITH place AS (
    SELECT (SELECT array_agg(position ORDER BY partition) FROM journal.checkpoint)
         = (SELECT array_agg(position ORDER BY partition) FROM balances.checkpoint) AS is_one
), total AS (
    SELECT coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND kopecks > 0), 0) AS bon_plus,
           coalesce(-sum(kopecks) FILTER (WHERE unit = 'BON' AND kopecks < 0), 0) AS bon_minus,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'RUB' AND kopecks > 0), 0) AS rub_plus,
           coalesce(-sum(kopecks) FILTER (WHERE unit = 'RUB' AND kopecks < 0), 0) AS rub_minus,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'RUB' AND account = 'coalition/float'), 0) AS rub_float,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND account = 'member/pending'), 0) AS pending,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND account = 'member/available'), 0) AS available,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND account = 'member/held'), 0) AS held,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND account = 'member/debt'), 0) AS debt,
           -- Between the two facts of accounts that become one, or two again.
           coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND account = 'transfer/pending'), 0) AS moving_pending,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND account = 'transfer/available'), 0) AS moving_available,
           coalesce(-sum(kopecks) FILTER (WHERE unit = 'BON' AND account ~ '/issued$'), 0) AS issued,
           coalesce(sum(kopecks) FILTER (WHERE unit = 'BON' AND account ~ '/(redeemed|expired|taken_back)$'), 0) AS gone
    FROM journal.totals
), decided (nth, name, says, left_kopecks, right_kopecks, lots_off) AS (
    SELECT 1, 'bon_zero', 'BON: all that was added = all that was taken', bon_plus, bon_minus, 0 FROM total
    UNION ALL
    SELECT 2, 'rub_zero', 'RUB: all that was added = all that was taken', rub_plus, rub_minus, 0 FROM total
    UNION ALL
    SELECT 3, 'float', 'RUB float = BON available + held', rub_float, available + held + moving_available,
           0 FROM total
    UNION ALL
    SELECT 4, 'lots', 'issued = redeemed + expired + taken back + outstanding, lot by lot', issued,
           gone + pending + available + held + moving_pending + moving_available,
           (SELECT coalesce(sum(abs(issued_kopecks - redeemed_kopecks - expired_kopecks - taken_back_kopecks
                                    - outstanding_kopecks)), 0)
            FROM journal.lots
            WHERE issued_kopecks <> redeemed_kopecks + expired_kopecks + taken_back_kopecks + outstanding_kopecks)
    FROM total
    UNION ALL
    SELECT 5, 'member_balances', 'member accounts = sum of balances', pending + available + held + debt,
           CASE WHEN is_one THEN
               (SELECT coalesce(sum(available_kopecks + pending_kopecks + held_kopecks - debt_kopecks), 0)
                FROM balances.member_balances) END, 0
    FROM total, place
    UNION ALL
    SELECT 6, 'member_lots', 'member accounts but held and debt = what is left of lots', pending + available,
           CASE WHEN is_one THEN (SELECT coalesce(sum(left_kopecks), 0) FROM balances.lots) END, 0
    FROM total, place
)
SELECT name, says, left_kopecks::bigint AS left_kopecks, right_kopecks::bigint AS right_kopecks,
       CASE WHEN right_kopecks IS NOT NULL
            THEN greatest(abs(left_kopecks - right_kopecks), lots_off)::bigint END AS off_kopecks
FROM decided ORDER BY nth
