//! The report as a person reads and prints it.
//!
//! Every text goes through [`cell`]: what a member, a partner or staff wrote is text here, never markup.

mod data;
mod details;

use std::fmt::Write;

use ledger_core::time::Timestamp;
use uuid::Uuid;

use super::called;
use super::document::{ReportedAccess, ReportedConsent, SubjectReport};
use crate::erasure::{moment, shown};

/// What stands where there is nothing.
const NONE: &str = "нет";

/// The page; what it may load or run is nothing.
pub(crate) fn of(report: &SubjectReport) -> String {
    let title = "Сведения об обработке персональных данных";
    let mut html = format!(
        "<!doctype html>\n<html lang=\"ru\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>body{{font:14px/1.5 serif;max-width:60em;margin:2em auto}}\
         table{{border-collapse:collapse;width:100%}}td,th{{border:1px solid #000;padding:.2em .5em;text-align:left;\
         vertical-align:top;overflow-wrap:anywhere}}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p>Ответ на обращение субъекта (ч. 7 ст. 14 152-ФЗ)</p>\n"
    );
    head(&mut html, report);
    grounds(&mut html, report);
    operator(&mut html, report);
    data::put(&mut html, &report.data);
    rest(&mut html, report);
    html.push_str("</body>\n</html>\n");
    html
}

/// Text as a cell shows it.
fn cell(text: &str) -> String {
    if text.is_empty() { NONE.to_owned() } else { shown(text) }
}

fn yes(is_so: bool) -> String {
    if is_so { "да" } else { NONE }.to_owned()
}

/// An id, if it is told.
fn number(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn text(of: Option<&str>) -> String {
    of.unwrap_or_default().to_owned()
}

fn section(html: &mut String, title: &str) {
    // Writing to a text never fails.
    let _written = writeln!(html, "<h2>{title}</h2>");
}

fn list(html: &mut String, items: &[&str]) {
    html.push_str("<ul>");
    for item in items {
        let _written = write!(html, "<li>{}</li>", cell(item));
    }
    html.push_str("</ul>\n");
}

fn table<const N: usize>(
    html: &mut String,
    titles: [&str; N],
    rows: impl ExactSizeIterator<Item = [String; N]>,
) {
    if rows.len() == 0 {
        let _written = writeln!(html, "<p>{NONE}</p>");
        return;
    }
    html.push_str("<table>\n<tr>");
    for title in titles {
        let _written = write!(html, "<th>{}</th>", shown(title));
    }
    html.push_str("</tr>\n");
    for row in rows {
        html.push_str("<tr>");
        for value in row {
            let _written = write!(html, "<td>{}</td>", cell(&value));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table>\n");
}

/// A table of names and values.
fn pairs<const N: usize>(html: &mut String, rows: [(&str, String); N]) {
    html.push_str("<table>\n");
    for (name, value) in rows {
        let _written = writeln!(html, "<tr><th>{}</th><td>{}</td></tr>", shown(name), cell(&value));
    }
    html.push_str("</table>\n");
}

fn perhaps(at: Option<Timestamp>) -> String {
    at.map(moment).unwrap_or_default()
}

fn head(html: &mut String, report: &SubjectReport) {
    let accounts: Vec<String> = report.accounts.iter().map(ToString::to_string).collect();
    pairs(
        html,
        [
            ("Составлено", moment(report.prepared_at)),
            ("Субъект (идентификатор)", report.person.to_string()),
            ("Учётные записи", accounts.join(", ")),
        ],
    );
    if !report.withheld.is_empty() {
        section(html, "Чего нет в этом экземпляре");
        list(html, &report.withheld);
    }
    section(html, "1. Факт обработки");
    pairs(
        html,
        [
            ("Данные обрабатываются", yes(report.processing.confirmed)),
            ("Участник программы с", perhaps(report.processing.since)),
        ],
    );
    let records = report.processing.records.iter();
    table(
        html,
        ["Вид записи журнала", "Сколько", "Первая", "Последняя"],
        records.map(|one| {
            let fact = called::FACT.call(&one.event_type).to_owned();
            [fact, one.count.to_string(), moment(one.first_at), moment(one.last_at)]
        }),
    );
}

fn grounds(html: &mut String, report: &SubjectReport) {
    section(html, "2. Правовые основания и цели");
    let purposes = report.purposes.iter();
    table(
        html,
        ["Данные", "Цель", "Основание"],
        purposes.map(|one| [one.name.clone(), one.purpose.clone(), one.ground.to_owned()]),
    );
    section(html, "Согласия");
    let consents = report.consents.iter();
    table(
        html,
        ["Цель", "Решение", "Действует", "Версия и хеш текста", "Способ и подтверждение", "Когда"],
        consents.map(consent),
    );
    section(html, "3. Способы обработки");
    list(html, &report.methods);
}

fn consent(one: &ReportedConsent) -> [String; 6] {
    let proof = one.evidence.map(|id| format!(", код {id}")).unwrap_or_default();
    let session = one.session.map(|id| format!(", сеанс {id}")).unwrap_or_default();
    [
        one.name.clone(),
        if one.granted { "дано" } else { "отозвано" }.to_owned(),
        yes(one.stands),
        format!("{} {}", one.version, one.text_hash.as_deref().unwrap_or_default()),
        format!("{}{proof}{session}", called::CHANNEL.call(one.channel)),
        moment(one.at),
    ]
}

fn operator(html: &mut String, report: &SubjectReport) {
    section(html, "4. Оператор и лица, имеющие доступ");
    pairs(
        html,
        [
            ("Оператор", report.operator.name.clone()),
            ("Адрес", report.operator.address.clone()),
            ("Информационная система", report.operator.information_system.clone()),
            ("Ответственный", report.operator.responsible.clone()),
        ],
    );
    let recipients = report.recipients.iter();
    table(
        html,
        ["Кто", "Что", "Основание"],
        recipients.map(|one| [one.name.clone(), one.gets.to_owned(), one.ground.clone()]),
    );
}

fn rest(html: &mut String, report: &SubjectReport) {
    section(html, "Источники данных");
    list(html, &report.sources);
    let registrations = report.registrations.iter();
    table(
        html,
        ["Учётная запись", "Зарегистрирована", "Как"],
        registrations.map(|one| {
            let channel = called::CHANNEL.call(one.channel).to_owned();
            [one.account.to_string(), moment(one.at), channel]
        }),
    );
    section(html, "6. Сроки обработки и хранения");
    table(
        html,
        ["Данные", "Срок начинается", "Дней", "По окончании"],
        report.terms.iter().map(|one| {
            let days = one.days.map_or_else(|| "не по дням".to_owned(), |days| days.to_string());
            [one.name.to_owned(), one.starts.to_owned(), days, one.at_end.to_owned()]
        }),
    );
    section(html, "7. Как осуществить права");
    let rights = report.rights.iter();
    table(html, ["Право", "Как"], rights.map(|one| [one.right.to_owned(), one.how.clone()]));
    section(html, "8. Трансграничная передача");
    pairs(
        html,
        [
            ("Осуществляется", yes(report.cross_border.is_done)),
            ("Пояснение", report.cross_border.statement.to_owned()),
        ],
    );
    section(html, "9. Лица, обрабатывающие данные по поручению");
    let processors = report.processors.iter();
    table(html, ["Кто", "Адрес"], processors.map(|one| [one.name.clone(), one.address.clone()]));
    section(html, "Как исполняются обязанности по статье 18.1");
    list(html, &report.duties);
    section(html, "Кто обращался к данным");
    table(
        html,
        ["Когда", "Кто", "Партнёр", "Действие", "Поля", "Цель", "Итог"],
        report.accesses.iter().map(access),
    );
}

fn access(one: &ReportedAccess) -> [String; 7] {
    let fields: Vec<&str> = one.fields.iter().map(|field| called::FIELD.call(field)).collect();
    [
        moment(one.at),
        called::ACTOR.call(&one.by).to_owned(),
        text(one.business.as_deref()),
        called::ACTION.call(&one.action).to_owned(),
        fields.join(", "),
        called::ACCESS.call(&one.purpose).to_owned(),
        called::OUTCOME.call(&one.result).to_owned(),
    ]
}

#[cfg(test)]
mod tests;
