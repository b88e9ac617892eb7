//! The Win-Win matrix and what follows from it: frequent paths, chains to create. Rule X8, decision 13.
//!
//! Pure: what ClickHouse said goes in, what is shown comes out. Every rate is a ratio of whole numbers, rounded once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use ledger_core::category::Confidentiality;
use ledger_core::context::Registry;
use ledger_core::ids::BusinessId;
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;
use uuid::Uuid;

use crate::chain_stats::all_of;
use crate::dto;
use crate::ratio::{Ratio, rounded};
use crate::read::control::{ByWhich, Groups};
use crate::read::promotion::{OfStep, Tally};
use crate::read::win_win::{MEMBERS_LEAST, Path, Shop, Shops, Way, Ways};
use crate::uplift;

/// From where to where.
type Ends = (BusinessId, BusinessId);

/// What is known of a window.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    /// What each business sold.
    pub(crate) shops: Shops,
    /// Who went from where to where.
    pub(crate) ways: Ways,
    /// What rewards of chains led to.
    pub(crate) promotions: Promotions,
    /// What they changed.
    pub(crate) effects: Effects,
}

/// From where to where what chains led to.
type Promotions = BTreeMap<Ends, Tally>;
/// From where to where each step whose groups can be compared, with what its rewards cost in kopecks.
type Effects = BTreeMap<Ends, Vec<(Groups, i64)>>;

/// What chains led to and changed, by where their steps begin and lead, as of the moment `until`.
pub(crate) fn promoted(
    given: &[OfStep],
    groups: &ByWhich,
    (until, registry): (Timestamp, &Registry),
) -> (Promotions, Effects) {
    let (mut promotions, mut effects) = (Promotions::new(), Effects::new());
    for OfStep { ends, chain, version, step, tally } in given {
        let whole = promotions.entry(*ends).or_default();
        *whole = whole.and(*tally);
        let known = registry.chains.get(*chain).and_then(|chain| chain.version(*version));
        let is_told = known.is_some_and(|version| uplift::why_not(version, until, registry).is_none());
        if let Some(groups) = groups.get(&(*chain, *version, Some(*step))).filter(|_| is_told) {
            effects.entry(*ends).or_default().push((*groups, tally.cost));
        }
    }
    (promotions, effects)
}

impl Matrix {
    fn shop(&self, id: BusinessId) -> Shop {
        self.shops.get(&id).copied().unwrap_or_default()
    }

    fn way(&self, ends: Ends) -> Way {
        self.ways.get(&ends).copied().unwrap_or_default()
    }

    fn promotion(&self, ends: Ends) -> Tally {
        self.promotions.get(&ends).copied().unwrap_or_default()
    }

    fn effect(&self, ways: &[Ends]) -> dto::WayEffect {
        uplift::of_way(ways.iter().filter_map(|ends| self.effects.get(ends)).flatten())
    }

    /// Rule X8.
    fn index(&self, (a, b): Ends) -> Ratio {
        let side = |from, to| (self.way((from, to)).followers, self.shop(from).buyers);
        Ratio::harmonic_mean(side(a, b), side(b, a))
    }

    /// All pairs of `businesses`, the highest index first; of equal ones in the order of `businesses`.
    pub(crate) fn pairs(&self, businesses: &[BusinessId]) -> Vec<(Ratio, Ends)> {
        let rest = |place: usize| businesses.iter().skip(place.saturating_add(1));
        let all = businesses.iter().enumerate().flat_map(|(place, a)| rest(place).map(|b| (*a, *b)));
        let mut pairs: Vec<(Ratio, Ends)> = all.map(|ends| (self.index(ends), ends)).collect();
        pairs.sort_by_key(|(index, _)| Reverse(*index));
        pairs
    }

    /// A pair as it is shown.
    pub(crate) fn shown(&self, index: Ratio, (a, b): Ends) -> dto::WinWinPair {
        let way = |from: BusinessId, to: BusinessId| {
            let (way, buyers) = (self.way((from, to)), self.shop(from).buyers);
            dto::WinWinWay {
                from: from.as_uuid(),
                to: to.as_uuid(),
                buyers,
                followers: way.followers,
                rate: Ratio::of(way.followers, buyers).unwrap_or(Ratio::ZERO),
                revenue: Roubles::from_kopecks(way.revenue),
                promotion: all_of(&self.promotion((from, to))),
                effect: self.effect(&[(from, to)]),
            }
        };
        dto::WinWinPair {
            a: a.as_uuid(),
            b: b.as_uuid(),
            index,
            a_to_b: way(a, b),
            b_to_a: way(b, a),
            promotion: all_of(&self.promotion((a, b)).and(self.promotion((b, a)))),
            effect: self.effect(&[(a, b), (b, a)]),
        }
    }

    /// Mutual chains to create, ranked by what the one of the two may expect that gains less. Decision 13.
    pub(crate) fn recommendations(
        &self,
        businesses: &[BusinessId],
        taken: &BTreeSet<Ends>,
    ) -> Vec<dto::Recommendation> {
        let free = |(_, (a, b)): &(Ratio, Ends)| !taken.contains(&(*a, *b)) && !taken.contains(&(*b, *a));
        let pairs = self.pairs(businesses).into_iter().filter(free);
        let mut found: Vec<dto::Recommendation> = pairs
            .filter_map(|(index, (a, b))| {
                let reasons = vec![self.expected(b, a)?, self.expected(a, b)?];
                let weaker = reasons.iter().min_by_key(|gain| gain.expected)?;
                let (weaker, expected_gain) = (weaker.business_id, weaker.expected);
                let (a, b) = (a.as_uuid(), b.as_uuid());
                Some(dto::Recommendation { kind: "mutual", a, b, index, weaker, expected_gain, reasons })
            })
            .collect();
        found.sort_by_key(|it| Reverse(it.expected_gain));
        found
    }

    /// What `to` may expect of the members of `from`; `None` where too few went that way for it to say anything, or for nothing.
    fn expected(&self, from: BusinessId, to: BusinessId) -> Option<dto::ExpectedGain> {
        let (way, source, target) = (self.way((from, to)), self.shop(from), self.shop(to));
        if way.followers < MEMBERS_LEAST {
            return None;
        }
        let reach = source.buyers.saturating_sub(way.both);
        let product = [i128::from(way.followers), i128::from(target.revenue)];
        let above = product.into_iter().try_fold(i128::from(reach), i128::checked_mul)?;
        let below = i128::from(source.buyers).checked_mul(i128::from(target.purchases))?;
        let roubles = |kopecks: i128| i64::try_from(kopecks).ok().map(Roubles::from_kopecks);
        let expected = roubles(rounded(above, below)?).filter(|gain| gain.is_positive())?;
        Some(dto::ExpectedGain {
            business_id: to.as_uuid(),
            reach,
            buyers: source.buyers,
            followers: way.followers,
            rate: Ratio::of(way.followers, source.buyers)?,
            average_bill: roubles(rounded(target.revenue.into(), target.purchases.into())?)?,
            expected,
        })
    }
}

/// The ordinary businesses, by their short names. Compliance M4.
pub(crate) fn ordinary(registry: &Registry) -> Vec<BusinessId> {
    let all = registry.businesses.iter().filter(|it| it.confidentiality == Confidentiality::Ordinary);
    let by_slug: BTreeMap<_, _> = all.map(|business| (&business.slug, business.business_id)).collect();
    by_slug.into_values().collect()
}

/// From where to where a step of a chain that runs leads.
pub(crate) fn running(registry: &Registry) -> BTreeSet<Ends> {
    let versions = registry.chains.before(u32::MAX).filter_map(|chain| chain.running());
    versions.flat_map(|version| version.definition.steps.iter().map(|step| (step.from, step.to))).collect()
}

/// Those of `paths` that are no part of a longer one, in their order. Every part of a frequent path is frequent, so it is enough
/// to look at those that are one longer.
pub(crate) fn longest(paths: &[Path]) -> Vec<dto::FrequentPath> {
    let mut parts: HashSet<&[Uuid]> = HashSet::new();
    for path in paths {
        parts.extend(path.businesses.split_last().map(|(_, part)| part));
        parts.extend(path.businesses.split_first().map(|(_, part)| part));
    }
    let whole = paths.iter().filter(|path| !parts.contains(path.businesses.as_slice()));
    let shown = |path: &Path| {
        let average = rounded(path.value.into(), path.times.into())?;
        Some(dto::FrequentPath {
            businesses: path.businesses.clone(),
            members: path.members,
            count: path.times,
            average_value: Roubles::from_kopecks(i64::try_from(average).ok()?),
        })
    };
    whole.filter_map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(number: u128) -> BusinessId {
        BusinessId::from_uuid(Uuid::from_u128(number))
    }

    /// Twenty bought at 1 for 100 ₽ each time, forty at 2 for 300 ₽; 10 of the twenty went to 2 and 16 of the forty to 1; 18 were at both.
    fn matrix() -> Matrix {
        let shop = |buyers, purchases, revenue| Shop { buyers, purchases, revenue };
        let way = |followers| Way { both: 18, followers, revenue: 500_000 };
        Matrix {
            shops: [
                (id(1), shop(20, 30, 300_000)),
                (id(2), shop(40, 50, 1_500_000)),
                (id(3), shop(5, 5, 5_000)),
            ]
            .into(),
            ways: [((id(1), id(2)), way(10)), ((id(2), id(1)), way(16)), ((id(1), id(3)), way(4))].into(),
            promotions: BTreeMap::new(),
            effects: BTreeMap::new(),
        }
    }

    #[test]
    fn rule_x8_pairs_come_by_their_index_and_every_pair_is_there() {
        let pairs = matrix().pairs(&[id(1), id(2), id(3)]);
        let shown: Vec<_> = pairs.iter().map(|(index, ends)| (index.to_string(), *ends)).collect();
        // c(1→2) = 10 ÷ 20, c(2→1) = 16 ÷ 40: 2 · 0.5 · 0.4 ÷ 0.9
        let expected = [("0.4444", (id(1), id(2))), ("0.0000", (id(1), id(3))), ("0.0000", (id(2), id(3)))];
        assert_eq!(shown, expected.map(|(index, ends)| (index.to_owned(), ends)));
    }

    #[test]
    fn a_recommendation_says_what_each_side_may_expect_and_ranks_by_the_weaker_one() {
        let businesses = [id(1), id(2), id(3)];
        let found = matrix().recommendations(&businesses, &BTreeSet::new());
        // 2 may expect (20 − 18) · 0.5 · 300 = 300; 1 may expect (40 − 18) · 0.4 · 100 = 880.
        let [one] = found.as_slice() else { panic!("one pair: {found:?}") };
        let reasons: Vec<_> =
            one.reasons.iter().map(|it| (it.business_id, it.reach, it.expected.to_string())).collect();
        let [first, second] = [id(1).as_uuid(), id(2).as_uuid()];
        assert_eq!(reasons, [(first, 22, "880.00".to_owned()), (second, 2, "300.00".to_owned())]);
        assert_eq!((one.weaker, one.expected_gain), (second, Roubles::from_kopecks(30_000)));
        let taken = BTreeSet::from([(id(2), id(1))]);
        assert_eq!(matrix().recommendations(&businesses, &taken), [], "a chain runs there, the other way");
    }

    #[test]
    fn what_is_part_of_a_longer_path_is_left_out() {
        let path = |ids: &[u128], times| Path {
            businesses: ids.iter().copied().map(Uuid::from_u128).collect(),
            members: 10,
            times,
            value: 1_000,
        };
        let paths = [path(&[1, 2, 3], 15), path(&[1, 2], 20), path(&[2, 3], 20), path(&[3, 1], 10)];
        let found: Vec<_> = longest(&paths)
            .into_iter()
            .map(|path| (path.businesses.len(), path.count, path.average_value.to_string()))
            .collect();
        // 10 ₽ ÷ 15 = 0.666…
        assert_eq!(found, [(3, 15, "0.67".to_owned()), (2, 10, "1.00".to_owned())]);
    }
}
