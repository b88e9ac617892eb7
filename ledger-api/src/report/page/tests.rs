use std::collections::BTreeSet;

use ledger_core::member::consent::Purpose;
use ledger_core::money::{Bonuses, Roubles};

use super::super::called::{self, List};
use super::super::details::{ReportedDetails, ReportedLot, ReportedStatusChange, ReportedTrigger};
use super::super::document::{
    ReportedBalance, ReportedCoupon, ReportedCrossBorder, ReportedData, ReportedOperator, ReportedProcessing,
    ReportedPurchase, ReportedRecords, ReportedRegistration, ReportedWaiting,
};
use super::super::words;
use super::*;
use crate::dto::{CouponTerms, HistoryLine, SubjectRequest};
use crate::erasure::papers::Organisation;

/// What somebody would have run in whoever opens the page.
const HOSTILE: &str = "<script>alert(\"1\")</script>&amp;";
/// When all of it was.
const AT: Timestamp = Timestamp::BEGINNING;

#[test]
fn what_people_wrote_is_text_in_every_kind_of_place() {
    let mut html = String::new();
    list(&mut html, &[HOSTILE]);
    table(&mut html, ["x"], [[HOSTILE.to_owned()]].into_iter());
    pairs(&mut html, [("x", HOSTILE.to_owned())]);
    assert!(!html.contains("<script") && !html.contains("\"1\""), "{html}");
    assert_eq!(html.matches("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;").count(), 3);
}

#[test]
fn what_is_not_there_is_said() {
    let mut html = String::new();
    table(&mut html, ["x"], std::iter::empty::<[String; 1]>());
    pairs(&mut html, [("Город", text(None))]);
    assert_eq!(html, "<p>нет</p>\n<table>\n<tr><th>Город</th><td>нет</td></tr>\n</table>\n");
}

/// One thing of each value.
fn each<T>(list: &List, of: impl Fn(&'static str) -> T) -> Vec<T> {
    list.names().map(of).collect()
}

fn owned(name: &str) -> String {
    name.to_owned()
}

fn line(kind: &str) -> HistoryLine {
    HistoryLine {
        id: Uuid::nil(),
        kind: owned(kind),
        amount: Bonuses::ZERO,
        business_id: None,
        business_name: None,
        description: String::new(),
        occurred_at: AT,
        balance_after: Bonuses::ZERO,
    }
}

fn request(kind: &str, channel: &str, state: &str) -> SubjectRequest {
    SubjectRequest {
        request_id: Uuid::nil(),
        member_id: None,
        kind: owned(kind),
        channel: owned(channel),
        state: owned(state),
        overdue: false,
        received_at: AT,
        due_at: AT,
        due_by_calendar: true,
        extended_because: None,
        answered_at: None,
        refused_because: None,
    }
}

fn requests() -> Vec<SubjectRequest> {
    let blank = || request("access", "app", "open");
    let mut all = each(&called::REQUEST, |kind| request(kind, "app", "open"));
    all.extend(each(&called::REQUEST_CHANNEL, |channel| request("access", channel, "open")));
    all.extend(each(&called::REQUEST_STATE, |state| request("access", "app", state)));
    all.extend(each(&called::EXTENDED, |why| SubjectRequest {
        extended_because: Some(owned(why)),
        ..blank()
    }));
    all.extend(each(&called::REFUSED, |why| SubjectRequest { refused_because: Some(owned(why)), ..blank() }));
    all
}

fn coupon(kind: &str, state: &'static str) -> ReportedCoupon {
    let terms = CouponTerms {
        coupon_id: Uuid::nil(),
        business_id: None,
        kind: owned(kind),
        value: None,
        cap: None,
        min_bill: None,
        new_customers_only: false,
        statuses: each(&called::STATUS, owned),
        with_bonuses: true,
        valid_from: None,
        expires_at: AT,
        description: None,
        state,
    };
    ReportedCoupon { business: None, terms }
}

fn coupons() -> Vec<ReportedCoupon> {
    let mut all = each(&called::COUPON, |kind| coupon(kind, "issued"));
    all.extend(each(&called::COUPON_STATE, |state| coupon("gift", state)));
    all
}

fn access_of([by, action, purpose, result]: [&str; 4]) -> ReportedAccess {
    ReportedAccess {
        at: AT,
        by: owned(by),
        business: None,
        action: owned(action),
        fields: each(&called::FIELD, owned),
        purpose: owned(purpose),
        result: owned(result),
    }
}

fn accesses() -> Vec<ReportedAccess> {
    let mut all = each(&called::ACTOR, |by| access_of([by, "read", "support", "done"]));
    all.extend(each(&called::ACTION, |action| access_of(["member", action, "support", "done"])));
    all.extend(each(&called::ACCESS, |purpose| access_of(["member", "read", purpose, "done"])));
    all.extend(each(&called::OUTCOME, |result| access_of(["member", "read", "support", result])));
    all
}

fn consents() -> Vec<ReportedConsent> {
    let consent = |name: &str, channel| {
        let purpose: Purpose = name.parse().expect("a purpose");
        ReportedConsent {
            purpose: owned(name),
            name: words::purpose(&purpose, Some("Дело")),
            granted: true,
            stands: true,
            version: owned("1"),
            text_hash: None,
            channel,
            evidence: None,
            session: None,
            at: AT,
        }
    };
    let channels = each(&called::CHANNEL, |channel| consent("marketing", channel));
    words::PURPOSES.iter().map(|name| consent(name, "app")).chain(channels).collect()
}

fn registration(channel: &'static str) -> ReportedRegistration {
    ReportedRegistration { account: Uuid::nil(), channel, at: AT }
}

fn data(status: &'static str) -> ReportedData {
    let (nothing, amount) = (Bonuses::ZERO, Roubles::ZERO);
    let purchase = |category: &str| ReportedPurchase {
        transaction_id: None,
        business: None,
        category: Some(owned(category)),
        amount,
        occurred_at: AT,
    };
    let waiting =
        |reason: &str| ReportedWaiting { business: None, amount, occurred_at: AT, reason: owned(reason) };
    ReportedData {
        profiles: Vec::new(),
        status,
        premium: true,
        blocked: false,
        processing_blocked: false,
        requests: requests(),
        invited: false,
        balance: ReportedBalance {
            total: nothing,
            available: nothing,
            pending: nothing,
            held: nothing,
            debt: nothing,
        },
        purchases: each(&called::CATEGORY, purchase),
        history: each(&called::LINE, line),
        holds: Vec::new(),
        waiting: each(&called::WAITS, waiting),
        coupons: coupons(),
        remarks: Vec::new(),
        sessions: Vec::new(),
        details: details(),
    }
}

fn details() -> ReportedDetails {
    let lot = |origin| ReportedLot {
        at: AT,
        origin,
        business: None,
        amount: Bonuses::ZERO,
        left: Bonuses::ZERO,
        available_from: AT,
        expires_at: AT,
    };
    let status = |track, from, reason| ReportedStatusChange { at: AT, track, from, to: "vip", reason };
    let trigger = |brings| ReportedTrigger {
        at: AT,
        chain_id: Uuid::nil(),
        from: None,
        to: None,
        until: AT,
        brings,
        followed_at: None,
    };
    let mut statuses = each(&called::TRACK, |track| status(track, "insider", "reached"));
    statuses.extend(each(&called::STATUS, |from| status("both", from, "reached")));
    statuses.extend(each(&called::STATUS_REASON, |reason| status("both", "elite", reason)));
    ReportedDetails {
        lots: each(&called::LOT, lot),
        statuses,
        chain_triggers: each(&called::BRINGS, trigger),
        ..ReportedDetails::default()
    }
}

/// A report that has every value of every list.
fn everything(status: &'static str) -> SubjectReport {
    let record =
        |name: &str| ReportedRecords { event_type: owned(name), count: 1, first_at: AT, last_at: AT };
    SubjectReport {
        prepared_at: AT,
        person: Uuid::nil(),
        accounts: Vec::new(),
        withheld: words::WITHHELD.to_vec(),
        processing: ReportedProcessing { confirmed: true, since: None, records: each(&called::FACT, record) },
        purposes: Vec::new(),
        consents: consents(),
        methods: words::METHODS.to_vec(),
        operator: ReportedOperator {
            name: String::new(),
            address: String::new(),
            information_system: String::new(),
            responsible: String::new(),
        },
        recipients: Vec::new(),
        data: data(status),
        sources: words::SOURCES.to_vec(),
        registrations: each(&called::CHANNEL, registration),
        terms: Vec::new(),
        rights: Vec::new(),
        cross_border: ReportedCrossBorder { is_done: false, statement: words::NO_TRANSFER },
        processors: Vec::new(),
        duties: words::DUTIES.to_vec(),
        accesses: accesses(),
    }
}

/// What the cells of a page say.
fn cells(html: &str) -> impl Iterator<Item = &str> {
    html.split("<td>").skip(1).filter_map(|rest| rest.split("</td>").next())
}

/// Every name on the wire that a report can have.
fn raw() -> BTreeSet<String> {
    let listed = called::tests::all().into_iter().flat_map(|(_, values)| values);
    let purposes = words::PURPOSES.iter().filter_map(|name| name.split(':').next().map(owned));
    listed.chain(purposes).collect()
}

#[test]
fn no_name_of_the_wire_is_on_the_page() {
    let raw = raw();
    for status in called::STATUS.names() {
        let html = of(&everything(status));
        assert!(cells(&html).count() > 400, "a row for every value");
        for cell in cells(&html) {
            let mut words = cell.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            assert!(!words.any(|word| raw.contains(word)), "{cell}");
        }
        assert!(cells(&html).any(|cell| cell == called::STATUS.call(status)), "{status}");
    }
}

#[test]
fn who_processes_on_the_operators_behalf_is_in_item_9() {
    let row = "<td>ООО «Облако»</td><td>Казань, Баумана, 1</td>";
    let ninth = |report: &SubjectReport| {
        let html = of(report);
        let (_, ninth) = html.split_once("<h2>9. ").expect("item 9");
        let (ninth, _) = ninth.split_once("<h2>").expect("what is behind it");
        ninth.to_owned()
    };
    let mut report = everything("vip");
    assert!(ninth(&report).contains("<p>нет</p>"));
    let (name, address) = (owned("ООО «Облако»"), owned("Казань, Баумана, 1"));
    report.processors.push(Organisation { name, address });
    assert!(ninth(&report).contains(row) && !ninth(&report).contains("<p>нет</p>"), "{}", ninth(&report));
}
