//! One pass over a log for all that is asked: verified, replayed, scanned, and told month by month.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use ledger_core::log::Event;
use ledger_core::member::event::MemberEvent;
use ledger_core::money::Bonuses;
use serde::Serialize;
use uuid::Uuid;

use crate::bundle::Bundle;
use crate::error::AuditError;
use crate::replay::{Decided, Replay, Sums};
use crate::scan::scan;
use crate::verify::{self, Checked, Findings, Trust, Verdict, Verification};
use crate::warehouse::{Cut, Expected};

/// What is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Decide everything again.
    pub replay: bool,
    /// Look for what is personal.
    pub scan: bool,
    /// Sum up by month.
    pub months: bool,
    /// Fold what ClickHouse is to hold, so far.
    pub warehouse: Option<Cut>,
}

/// What a month came to; bonuses in hundredths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Month {
    /// Events recorded.
    pub events: u64,
    /// Bonuses accrued.
    pub accrued: i64,
    /// Bonuses that paid for something.
    pub redeemed: i64,
    /// Bonuses that expired.
    pub expired: i64,
}

/// What an audit came to.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// What it comes to.
    pub verdict: Verdict,
    /// Whether the log is what was sealed.
    pub verification: Verification,
    /// What was decided again, if that was asked.
    pub decided: Option<Decided>,
    /// How many events were looked at for what is personal, if that was asked.
    pub scanned: Option<u64>,
    /// What was compared with the log, and what was not.
    pub compared: Vec<String>,
    /// By month of recording, Moscow days.
    pub months: BTreeMap<String, Month>,
    /// How long it took.
    pub seconds: u64,
    /// Every member's sums, for whoever compares further.
    #[serde(skip)]
    pub sums: HashMap<Uuid, Sums>,
    /// What ClickHouse is to hold, if that was asked.
    #[serde(skip)]
    pub expected: Option<Expected>,
}

/// What an audit looks at on its way through a log.
struct Pass<'a> {
    wanted: Wanted,
    replay: Option<Replay>,
    expected: Option<Expected>,
    months: BTreeMap<String, Month>,
    passed: u64,
    scanned: u64,
    failed: Option<AuditError>,
    /// What this program is too old to know.
    unknown: Option<String>,
    told: &'a mut dyn FnMut(u64),
}

impl Pass<'_> {
    fn see(&mut self, checked: Checked, findings: &mut Findings) {
        self.passed += 1;
        let passed = self.passed;
        if passed.is_multiple_of(4_096) {
            (self.told)(passed);
        }
        if let Some(met) = checked.unknown {
            let met = format!("event {passed}: {met}");
            self.replay.iter_mut().for_each(|replay| replay.stop(met.clone()));
            self.unknown.get_or_insert(met);
        }
        let (Some(row), Some(event)) = (checked.row, checked.event) else { return };
        if self.wanted.months {
            let day = row.recorded_at.moscow_day().to_date().to_string();
            enter(self.months.entry(day.chars().take(7).collect()).or_default(), &event);
        }
        if self.wanted.scan {
            self.scanned += 1;
            scan(&row, &event, findings);
        }
        if let Some(expected) = &mut self.expected {
            expected.see(&row, &event, checked.leaf);
        }
        if let Some(replay) = &mut self.replay
            && self.failed.is_none()
        {
            self.failed = replay.event(*row, *event, findings).err();
        }
    }
}

/// Audits a bundle. `told` hears how many events have passed.
///
/// # Errors
/// [`AuditError`]: what keeps it from deciding.
pub fn audit(
    bundle: &Bundle,
    trust: &Trust,
    wanted: Wanted,
    told: &mut dyn FnMut(u64),
) -> Result<Audit, AuditError> {
    let begun = Instant::now();
    let mut pass = Pass {
        wanted,
        replay: wanted.replay.then(Replay::default),
        expected: wanted.warehouse.map(Expected::of),
        months: BTreeMap::new(),
        passed: 0,
        scanned: 0,
        failed: None,
        unknown: None,
        told,
    };
    let decode = wanted != Wanted::default();
    let mut each = |checked: Checked, findings: &mut Findings| pass.see(checked, findings);
    let mut verification = verify::bundle(bundle, trust, decode, &mut each)?;
    let Pass { replay, expected, months, passed, scanned, failed, unknown, told, .. } = pass;
    told(passed);
    if let Some(error) = failed {
        return Err(error);
    }
    let met = unknown.or_else(|| replay.as_ref().and_then(|replay| replay.too_old().map(str::to_owned)));
    let is_too_old = met.is_some();
    if let Some(met) = met {
        verification.undecided.push(format!(
            "{met}, which this program is too old to know: everything before it was looked at. Take the program of the log's day"
        ));
    }
    // What stopped on the way has no end to compare.
    let replay = replay.filter(|_| !is_too_old);
    let ended = replay.map(|replay| replay.end(&mut verification.findings)).transpose()?;
    let (decided, sums) = ended.map_or((None, HashMap::new()), |(decided, sums)| (Some(decided), sums));
    verification.settle();
    Ok(Audit {
        verdict: verification.verdict,
        verification,
        decided,
        scanned: wanted.scan.then_some(scanned),
        compared: Vec::new(),
        months,
        seconds: Duration::from_millis(500).saturating_add(begun.elapsed()).as_secs(),
        sums,
        expected,
    })
}

fn enter(month: &mut Month, event: &Event) {
    month.events += 1;
    let Event::Member(event) = event else { return };
    let add = |sum: &mut i64, amount: Bonuses| *sum = sum.saturating_add(amount.kopecks());
    match event {
        MemberEvent::BonusAccrued(fact) => add(&mut month.accrued, fact.amount),
        MemberEvent::CrossBonusAccrued(fact) => {
            fact.lot.iter().for_each(|lot| add(&mut month.accrued, lot.amount));
        }
        MemberEvent::BonusesRedeemed(fact) => add(&mut month.redeemed, fact.amount),
        MemberEvent::BonusExpired(fact) => add(&mut month.expired, fact.amount),
        _ => {}
    }
}

impl Audit {
    /// Enters positions at which another side says otherwise.
    pub fn compare_positions(&mut self, said: String, positions: &[u64], text: &str) {
        for position in positions {
            self.verification.findings.add_exact(verify::What::Balance, *position, text);
        }
        self.compare(said, Vec::new());
    }

    /// Enters what keeps it from deciding.
    pub fn cannot_decide(&mut self, why: String) {
        self.verification.undecided.push(why);
        self.verification.settle();
        self.verdict = self.verification.verdict;
    }

    /// Enters one thing that another side says otherwise.
    pub fn differs(&mut self, text: String) {
        self.verification.findings.add(verify::What::Balance, None, text);
    }

    /// Enters what a comparison with another side found.
    pub fn compare(&mut self, said: String, findings: impl IntoIterator<Item = String>) {
        self.compare_as(verify::What::Balance, said, findings);
    }

    /// The same of what is no balance.
    pub fn compare_as(
        &mut self,
        what: verify::What,
        said: String,
        findings: impl IntoIterator<Item = String>,
    ) {
        for text in findings {
            self.verification.findings.add(what, None, text);
        }
        self.compared.push(said);
        self.verification.settle();
        self.verdict = self.verification.verdict;
    }
}
