-- Members whom an offer is for, as the read models know: the ledger decides (`ledger-core/src/member/offered.rs`), and says the same
-- of members whose facts all have been read. Asked by the schedule for those who have not had its coupon, and to tell how many
-- an offer would reach. Further conditions on `m` may follow.
--
-- $1 the business · $2 now · $3 statuses, empty: any · $4 only new customers · $5 segments, empty: whoever · since when purchases are
-- recent ($6), not lost ($7), counted ($8) · how many are frequent ($9), which sum in kopecks is big ($10) · $11 categories, empty:
-- whatever · $12 since when they were bought · $13 accounts that went into others
SELECT m.member_id
FROM statuses.members AS m
WHERE m.registered_at IS NOT NULL AND NOT m.blocked AND NOT m.processing_blocked AND NOT m.erased
  AND m.member_id <> ALL ($13::uuid[])
  AND (cardinality($3::text[]) = 0 OR (
        -- Rules S4, S7: the status shown, at least vip while Premium is active.
        SELECT CASE WHEN shown.status = 'insider' AND EXISTS (
                        SELECT FROM statuses.premium AS p
                        WHERE p.member_id = m.member_id AND p.from_time <= $2 AND $2 < p.to_time)
                    THEN 'vip' ELSE shown.status END
        FROM (SELECT CASE WHEN EXISTS (
                        SELECT FROM statuses.consents AS c
                        WHERE c.member_id = m.member_id AND c.purpose = 'medical_status' AND c.granted)
                     THEN m.with_medical_status ELSE m.ordinary_status END AS status) AS shown) = ANY ($3))
  AND (NOT $4::boolean OR NOT EXISTS (
        SELECT FROM statuses.bills AS b
        WHERE b.member_id = m.member_id AND b.business_id = $1 AND b.amount_kopecks > 0))
  -- What makes a profile of her habits needs her word, and that to each business that it is made of (compliance C2, C4).
  AND (cardinality($5::text[]) + cardinality($11::text[]) = 0 OR EXISTS (
        SELECT FROM statuses.consents AS c
        WHERE c.member_id = m.member_id AND c.purpose = 'profiling' AND c.granted))
  AND (cardinality($5) = 0 OR (
        EXISTS (SELECT FROM statuses.consents AS c
                JOIN directory.businesses AS own ON own.business_id = $1
                WHERE c.member_id = m.member_id AND c.purpose = 'partner:' || own.slug AND c.granted)
        AND (SELECT CASE WHEN max(b.occurred_at) IS NULL THEN 'none'
                         WHEN max(b.occurred_at) < $7 THEN 'lost'
                         WHEN max(b.occurred_at) < $6 THEN 'at_risk'
                         WHEN count(*) FILTER (WHERE b.occurred_at > $8) < $9 THEN 'recent'
                         WHEN sum(b.amount_kopecks) FILTER (WHERE b.occurred_at > $8) < $10 THEN 'loyal'
                         ELSE 'champions' END
             FROM statuses.bills AS b
             WHERE b.member_id = m.member_id AND b.business_id = $1 AND NOT b.medical
               AND b.amount_kopecks > 0 AND b.occurred_at <= $2) = ANY ($5)))
  AND (cardinality($11) = 0 OR EXISTS (
        SELECT FROM statuses.bills AS b
        JOIN directory.businesses AS shop ON shop.business_id = b.business_id
        JOIN statuses.consents AS c ON c.member_id = b.member_id AND c.purpose = 'partner:' || shop.slug AND c.granted
        WHERE b.member_id = m.member_id AND b.occurred_at > $12 AND b.occurred_at <= $2
          AND b.amount_kopecks > 0 AND NOT b.medical AND b.category = ANY ($11)
          -- Of its own category a business knows what was bought there alone.
          AND (b.business_id = $1
               OR b.category <> (SELECT own.category FROM directory.businesses AS own WHERE own.business_id = $1))))
