//! A report as one page that needs nothing else: no script, no font, no picture from elsewhere.

use std::fmt::Write;

use super::{bonuses, done, place, plain, verdict};
use crate::audit::{Audit, Month};
use crate::verify::Verdict;

/// Width and height of a chart, in units of its own.
const WIDTH: i64 = 900;
const HEIGHT: i64 = 220;
/// Room for the words on the left and below.
const LEFT: i64 = 90;
const BELOW: i64 = 30;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;\
background:#fff}h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}.v{padding:1rem;border-radius:.5rem;color:#fff;\
font-weight:600}.clean{background:#1b6e3c}.tampered{background:#a3161a}.undecided{background:#7a5b00}table{border-collapse:collapse}\
td,th{padding:.25rem .75rem;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}\
svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#444}code{word-break:break-all}";

/// Writing to a string cannot fail.
macro_rules! put {
    ($text:expr, $($rest:tt)*) => {{
        let _ = write!($text, $($rest)*);
    }};
}

pub(super) fn html(audit: &Audit) -> String {
    let verification = &audit.verification;
    let class = match audit.verdict {
        Verdict::Clean => "clean",
        Verdict::Tampered => "tampered",
        Verdict::Undecided => "undecided",
    };
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Audit of log {id}</title><style>{STYLE}</style></head><body><h1>Audit of log {id}</h1>\
         <p class=\"v {class}\">{}</p>",
        verdict(audit),
        id = verification.log_id
    );
    if let Some(first) = verification.findings.first_bad {
        put!(page, "<p>The first bad position is <b>{first}</b>.</p>");
    }
    list(&mut page, "What was done", &done(audit));
    if let Some(root) = &verification.root {
        put!(page, "<p>Root of the first {} events: <code>{root}</code></p>", verification.sealed);
    }
    let findings = &verification.findings;
    let told: Vec<String> =
        findings.told.iter().map(|finding| format!("{}: {}", place(finding), finding.text)).collect();
    list(&mut page, &format!("What is wrong ({} in all)", findings.total()), &told);
    list(&mut page, "Why it cannot be decided", &verification.undecided);
    list(&mut page, "What is excluded", &verification.excluded);
    list(&mut page, "What is not excluded", &verification.cannot_exclude);
    list(&mut page, "Besides", &verification.remarks);
    months(&mut page, audit);
    page.push_str("</body></html>\n");
    page
}

/// A text as it may stand in a page.
fn escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn list(page: &mut String, head: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    put!(page, "<h2>{}</h2><ul>", escaped(head));
    lines.iter().for_each(|line| put!(page, "<li>{}</li>", escaped(line)));
    page.push_str("</ul>");
}

fn months(page: &mut String, audit: &Audit) {
    let months: Vec<(&str, Month)> =
        audit.months.iter().map(|(name, month)| (name.as_str(), *month)).collect();
    if months.is_empty() {
        return;
    }
    let of =
        |pick: fn(&Month) -> i64| months.iter().map(|(name, month)| (*name, pick(month))).collect::<Vec<_>>();
    let events = of(|month| i64::try_from(month.events).unwrap_or(i64::MAX));
    chart(page, "Events recorded, by month", &[("#33658a", events)], |value| value.to_string());
    let lines = [
        ("#1b6e3c", of(|month| month.accrued)),
        ("#33658a", of(|month| month.redeemed)),
        ("#a3161a", of(|month| month.expired)),
    ];
    chart(page, "Bonuses accrued (green), redeemed (blue) and expired (red), by month", &lines, bonuses);
    page.push_str(
        "<table><tr><th>Month</th><th>Events</th><th>Accrued</th><th>Redeemed</th><th>Expired</th></tr>",
    );
    for (name, month) in months {
        put!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            month.events,
            bonuses(month.accrued),
            bonuses(month.redeemed),
            bonuses(month.expired)
        );
    }
    page.push_str("</table>");
}

/// Bars side by side, one for each series in each month.
fn chart(page: &mut String, head: &str, series: &[(&str, Vec<(&str, i64)>)], show: impl Fn(i64) -> String) {
    let values = || series.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value));
    let most = values().max().unwrap_or(0).max(1);
    let count = i64::try_from(series.first().map_or(0, |(_, points)| points.len())).unwrap_or(1).max(1);
    let (wide, high) = (WIDTH - LEFT, HEIGHT - BELOW);
    let slot = wide / count;
    let bar = (slot * 8 / 10 / i64::try_from(series.len()).unwrap_or(1).max(1)).max(1);
    put!(page, "<h2>{}</h2><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">", escaped(head));
    for part in [0, 1, 2] {
        let (y, value) = (high - high * part / 2 + 10 * i64::from(part == 2), most / 2 * part);
        put!(page, "<text x=\"0\" y=\"{y}\">{}</text>", escaped(&show(value)));
    }
    put!(page, "<line x1=\"{LEFT}\" y1=\"{high}\" x2=\"{WIDTH}\" y2=\"{high}\" stroke=\"#999\"/>");
    for (which, (colour, points)) in (0_i64..).zip(series) {
        for (index, (name, value)) in (0_i64..).zip(points) {
            let share = i128::from(*value) * i128::from(high - 10) / i128::from(most);
            let height = i64::try_from(share).unwrap_or(0).max(0);
            let (x, y) = (LEFT + index * slot + which * bar, high - height);
            put!(
                page,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{bar}\" height=\"{height}\" fill=\"{colour}\"><title>{}: {}</title></rect>",
                escaped(name),
                escaped(&show(*value))
            );
            // As many names as there is room for.
            let every = (count * 60 / wide + 1).max(1);
            if which == 0 && index % every == 0 {
                put!(page, "<text x=\"{x}\" y=\"{}\">{}</text>", HEIGHT - 8, escaped(name));
            }
        }
    }
    page.push_str("</svg>");
}
