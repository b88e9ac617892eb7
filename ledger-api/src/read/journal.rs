//! The trial balance from the journal's running totals. Rules M1, M2.
//!
//! Who may also see members sees no single clinic in it: an account before a visit and after it would tell the visit
//! (`compliance.md` M4). Auditors, who read the log itself and can look nobody up, see every account.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::category::Confidentiality;
use ledger_core::money::Roubles;
use sqlx::FromRow;
use tokio::time::Instant;
use uuid::Uuid;

use super::POLL;
use crate::app::App;
use crate::dto::{AccountBalance, StandingCheck, TrialBalance, UnitBalance};
use crate::problem::{ApiError, Cause};

#[derive(FromRow)]
struct TotalRow {
    unit: String,
    account: String,
    kopecks: i64,
}

#[derive(FromRow)]
struct CheckRow {
    name: String,
    says: String,
    left_kopecks: i64,
    right_kopecks: Option<i64>,
    off_kopecks: Option<i64>,
}

/// The checks, as the projector of the journal asks them for its metrics.
const CHECKS: &str = include_str!("../../../migrations/queries/standing_checks.sql");

/// The fewest members of a group that anything is told of.
const MEMBERS_MIN: i64 = 10;
/// Stands for all clinics in the name of an account; no slug has such signs.
const ALL_CLINICS: &str = "(medical)";

/// What a trial balance shows of clinics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clinics {
    /// The accounts of each.
    Each,
    /// Those of these together.
    Together(BTreeSet<String>),
    /// Nothing, nor what would give it by subtraction: too few members have bought at any.
    Withheld,
}

/// What those see of clinics who may also look at members.
pub(crate) async fn clinics_for_admins(app: &App) -> Result<Clinics, ApiError> {
    let registry = app.ledger.registry();
    let medical = registry.businesses.iter().filter(|one| one.confidentiality == Confidentiality::Medical);
    let (ids, slugs): (Vec<Uuid>, BTreeSet<String>) =
        medical.map(|clinic| (clinic.business_id.as_uuid(), clinic.slug.to_string())).unzip();
    if ids.is_empty() {
        return Ok(Clinics::Each);
    }
    let members = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT DISTINCT member_id FROM directory.purchases WHERE business_id = ANY($1) LIMIT $2) AS patients",
    );
    let members: i64 = members.bind(ids).bind(MEMBERS_MIN).fetch_one(&app.read_pool).await?;
    Ok(if members < MEMBERS_MIN { Clinics::Withheld } else { Clinics::Together(slugs) })
}

/// The trial balance at one moment. While purchases come in, it looks a few times for one at which all checks can be
/// decided.
pub(crate) async fn trial_balance(app: &App, clinics: &Clinics) -> Result<TrialBalance, ApiError> {
    let deadline = Instant::now() + app.read_wait;
    loop {
        let (totals, checks) = at_one_moment(app).await?;
        let is_decided = checks.iter().all(|check| check.off_kopecks.is_some());
        if is_decided || Instant::now() >= deadline {
            let checks = checks.into_iter().map(|check| shown(check, clinics)).collect();
            let withheld = *clinics == Clinics::Withheld;
            return Ok(TrialBalance { units: by_unit(totals, clinics)?, checks, withheld });
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn at_one_moment(app: &App) -> Result<(Vec<TotalRow>, Vec<CheckRow>), ApiError> {
    let mut snapshot = app.read_pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *snapshot).await?;
    let totals = "SELECT unit, account, kopecks FROM journal.totals ORDER BY unit, account COLLATE \"C\"";
    let totals = sqlx::query_as(totals).fetch_all(&mut *snapshot).await?;
    let checks = sqlx::query_as(CHECKS).fetch_all(&mut *snapshot).await?;
    snapshot.commit().await?;
    Ok((totals, checks))
}

/// One balance per unit, its accounts by name.
fn by_unit(totals: Vec<TotalRow>, clinics: &Clinics) -> Result<Vec<UnitBalance>, ApiError> {
    let too_large = || ApiError::Unavailable(Cause::Impossible("a total does not fit"));
    let unit = |unit: &str| UnitBalance {
        unit: unit.to_owned(),
        accounts: Vec::new(),
        total: Roubles::from_kopecks(0),
    };
    let mut units = vec![unit("BON"), unit("RUB")];
    let mut accounts: BTreeMap<(String, String), i64> = BTreeMap::new();
    for TotalRow { unit, account, kopecks } in totals {
        let sum = accounts.entry((unit, named(account, clinics))).or_default();
        *sum = sum.checked_add(kopecks).ok_or_else(too_large)?;
    }
    for ((unit, account), kopecks) in accounts {
        let Some(one) = units.iter_mut().find(|one| one.unit == unit) else {
            return Err(ApiError::Unavailable(Cause::Impossible("a total of a unit nobody knows")));
        };
        let sum = one.total.kopecks().checked_add(kopecks).ok_or_else(too_large)?;
        one.total = Roubles::from_kopecks(sum);
        if *clinics != Clinics::Withheld {
            one.accounts.push(AccountBalance { account, balance: Roubles::from_kopecks(kopecks) });
        }
    }
    Ok(units)
}

/// An account as it is shown: `funder/{slug}/…` and `business/{slug}/…` of a clinic as one of all clinics.
fn named(account: String, clinics: &Clinics) -> String {
    let Clinics::Together(slugs) = clinics else { return account };
    let mut parts = account.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(kind @ ("funder" | "business")), Some(slug), Some(what)) if slugs.contains(slug) => {
            format!("{kind}/{ALL_CLINICS}/{what}")
        }
        _ => account,
    }
}

fn shown(row: CheckRow, clinics: &Clinics) -> StandingCheck {
    let is_shown = *clinics != Clinics::Withheld;
    StandingCheck {
        check: row.name,
        says: row.says,
        left: is_shown.then(|| Roubles::from_kopecks(row.left_kopecks)),
        right: row.right_kopecks.filter(|_| is_shown).map(Roubles::from_kopecks),
        ok: row.off_kopecks.map(|off| off == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals() -> Vec<TotalRow> {
        let row = |unit: &str, account: &str, kopecks| TotalRow {
            unit: unit.to_owned(),
            account: account.to_owned(),
            kopecks,
        };
        vec![
            row("BON", "funder/klinika/issued", -300),
            row("BON", "funder/mindal/issued", -500),
            row("BON", "funder/stim/issued", -200),
            row("BON", "member/available", 1_000),
            row("RUB", "business/klinika/clearing", -300),
            row("RUB", "coalition/float", 300),
        ]
    }

    fn accounts(clinics: &Clinics) -> Vec<(String, i64)> {
        let units = by_unit(totals(), clinics).expect("a trial balance");
        assert!(units.iter().all(|unit| unit.total.kopecks() == 0));
        let all = units.into_iter().flat_map(|unit| unit.accounts);
        all.map(|one| (one.account, one.balance.kopecks())).collect()
    }

    #[test]
    fn m4_clinics_are_shown_together_or_not_at_all() {
        assert_eq!(accounts(&Clinics::Each).len(), 6);
        let together = Clinics::Together(["klinika", "stim"].map(str::to_owned).into());
        let expected = [
            ("funder/(medical)/issued", -500),
            ("funder/mindal/issued", -500),
            ("member/available", 1_000),
            ("business/(medical)/clearing", -300),
            ("coalition/float", 300),
        ];
        assert_eq!(accounts(&together), expected.map(|(name, sum)| (name.to_owned(), sum)));
        assert!(accounts(&Clinics::Withheld).is_empty());
        let check = CheckRow {
            name: "float".to_owned(),
            says: String::new(),
            left_kopecks: 300,
            right_kopecks: Some(300),
            off_kopecks: Some(0),
        };
        let shown = shown(check, &Clinics::Withheld);
        assert!(shown.left.is_none() && shown.right.is_none() && shown.ok == Some(true));
    }
}
