//! The trial balance from the journal's running totals. Rules M1, M2.
//!
//! Who may also see members sees no account in it once there is a clinic, only whether the books balance: any sum before a visit
//! and after it would tell the visit, that of all clinics together, too, however many have been there (`compliance.md` M4).
//! Auditors, who read the log itself and can look nobody up, see every account.

use ledger_core::category::Confidentiality;
use ledger_core::money::Roubles;
use sqlx::FromRow;
use tokio::time::Instant;

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

/// Whether a trial balance shows accounts, and the numbers of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accounts {
    /// Each.
    Shown,
    /// None, nor what would give one by subtraction: only whether the checks hold.
    Withheld,
}

/// What those see who may also look at members: from the registration of the first clinic on, not from the first visit, which
/// would tell that.
pub(crate) fn accounts_for_admins(app: &App) -> Accounts {
    let registry = app.ledger.registry();
    let is_there = registry.businesses.iter().any(|one| one.confidentiality == Confidentiality::Medical);
    if is_there { Accounts::Withheld } else { Accounts::Shown }
}

/// The trial balance at one moment. While purchases come in, it looks a few times for one at which all checks can be
/// decided.
pub(crate) async fn trial_balance(app: &App, accounts: Accounts) -> Result<TrialBalance, ApiError> {
    let deadline = Instant::now() + app.read_wait;
    loop {
        let (totals, checks) = at_one_moment(app).await?;
        let is_decided = checks.iter().all(|check| check.off_kopecks.is_some());
        if is_decided || Instant::now() >= deadline {
            let checks = checks.into_iter().map(|check| shown(check, accounts)).collect();
            let withheld = accounts == Accounts::Withheld;
            return Ok(TrialBalance { units: by_unit(totals, accounts)?, checks, withheld });
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
fn by_unit(totals: Vec<TotalRow>, accounts: Accounts) -> Result<Vec<UnitBalance>, ApiError> {
    let too_large = || ApiError::Unavailable(Cause::Impossible("a total does not fit"));
    let unit = |unit: &str| UnitBalance {
        unit: unit.to_owned(),
        accounts: Vec::new(),
        total: Roubles::from_kopecks(0),
    };
    let mut units = vec![unit("BON"), unit("RUB")];
    for TotalRow { unit, account, kopecks } in totals {
        let Some(one) = units.iter_mut().find(|one| one.unit == unit) else {
            return Err(ApiError::Unavailable(Cause::Impossible("a total of a unit nobody knows")));
        };
        let sum = one.total.kopecks().checked_add(kopecks).ok_or_else(too_large)?;
        one.total = Roubles::from_kopecks(sum);
        if accounts == Accounts::Shown {
            one.accounts.push(AccountBalance { account, balance: Roubles::from_kopecks(kopecks) });
        }
    }
    Ok(units)
}

fn shown(row: CheckRow, accounts: Accounts) -> StandingCheck {
    let is_shown = accounts == Accounts::Shown;
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

    fn listed(accounts: Accounts) -> Vec<(String, i64)> {
        let units = by_unit(totals(), accounts).expect("a trial balance");
        assert!(units.iter().all(|unit| unit.total.kopecks() == 0));
        let all = units.into_iter().flat_map(|unit| unit.accounts);
        all.map(|one| (one.account, one.balance.kopecks())).collect()
    }

    #[test]
    fn m4_accounts_are_shown_or_not_at_all() {
        let expected = totals().into_iter().map(|row| (row.account, row.kopecks)).collect::<Vec<_>>();
        assert_eq!(listed(Accounts::Shown), expected);
        assert!(listed(Accounts::Withheld).is_empty());
        let check = CheckRow {
            name: "float".to_owned(),
            says: String::new(),
            left_kopecks: 300,
            right_kopecks: Some(300),
            off_kopecks: Some(0),
        };
        let shown = shown(check, Accounts::Withheld);
        assert!(shown.left.is_none() && shown.right.is_none() && shown.ok == Some(true));
    }
}
