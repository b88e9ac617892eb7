//! The report as a person reads and prints it.
//!
//! Every text goes through [`cell`]: what a member, a partner or staff wrote is text here, never markup.

use std::fmt::Write;

use ledger_core::time::Timestamp;
use uuid::Uuid;

use super::document::{ReportedData, ReportedProfile, SubjectReport};
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
    data(&mut html, &report.data);
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
            [one.event_type.clone(), one.count.to_string(), moment(one.first_at), moment(one.last_at)]
        }),
    );
}

fn grounds(html: &mut String, report: &SubjectReport) {
    section(html, "2. Правовые основания и цели");
    let purposes = report.purposes.iter();
    table(
        html,
        ["Данные", "Цель", "Основание"],
        purposes.map(|one| [one.name, one.purpose, one.ground].map(str::to_owned)),
    );
    section(html, "Согласия");
    let consents = report.consents.iter();
    table(
        html,
        ["Цель", "Решение", "Действует", "Версия и хеш текста", "Способ и подтверждение", "Когда"],
        consents.map(|one| {
            let proof = one.evidence.map(|id| format!(", код {id}")).unwrap_or_default();
            let session = one.session.map(|id| format!(", сеанс {id}")).unwrap_or_default();
            [
                format!("{} ({})", one.name, one.purpose),
                if one.granted { "дано" } else { "отозвано" }.to_owned(),
                yes(one.stands),
                format!("{} {}", one.version, one.text_hash.as_deref().unwrap_or_default()),
                format!("{}{proof}{session}", one.channel),
                moment(one.at),
            ]
        }),
    );
    section(html, "3. Способы обработки");
    list(html, &report.methods);
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

fn profile(html: &mut String, profile: &ReportedProfile) {
    pairs(
        html,
        [
            ("Учётная запись", profile.account.to_string()),
            ("Телефон", profile.phone.clone()),
            ("Имя", text(profile.first_name.as_deref())),
            ("Фамилия", text(profile.last_name.as_deref())),
            ("Электронная почта", text(profile.email.as_deref())),
            ("Дата рождения", text(profile.birth_date.as_deref())),
            ("Город", text(profile.city.as_deref())),
        ],
    );
}

fn data(html: &mut String, data: &ReportedData) {
    section(html, "5. Персональные данные");
    for one in &data.profiles {
        profile(html, one);
    }
    let balance = &data.balance;
    pairs(
        html,
        [
            ("Статус", data.status.to_owned()),
            ("Premium", yes(data.premium)),
            ("Заблокирована", yes(data.blocked)),
            ("Обработка заблокирована (ст. 21)", yes(data.processing_blocked)),
            ("Приглашена в inner_circle", yes(data.invited)),
            ("Бонусы всего", balance.total.to_string()),
            ("из них доступно", balance.available.to_string()),
            ("ожидают", balance.pending.to_string()),
            ("зарезервировано", balance.held.to_string()),
            ("Долг", balance.debt.to_string()),
        ],
    );
    bought(html, data);
    section(html, "Купоны");
    table(
        html,
        ["Партнёр", "Вид", "Что даёт", "Состояние", "До", "Описание"],
        data.coupons.iter().map(|one| {
            [
                text(one.business.as_deref()),
                one.terms.kind.clone(),
                text(one.terms.value.as_deref()),
                one.terms.state.to_owned(),
                moment(one.terms.expires_at),
                text(one.terms.description.as_deref()),
            ]
        }),
    );
    section(html, "Сведения в свободной форме");
    let remarks = data.remarks.iter();
    table(html, ["Когда", "Текст"], remarks.map(|one| [moment(one.written_at), one.text.clone()]));
    section(html, "Сеансы входа");
    table(
        html,
        ["Начат", "Последнее обращение", "До"],
        data.sessions.iter().map(|one| [one.created_at, one.last_seen_at, one.expires_at].map(moment)),
    );
}

fn bought(html: &mut String, data: &ReportedData) {
    section(html, "Покупки");
    table(
        html,
        ["Когда", "Партнёр", "Категория", "Сумма за вычетом возвратов", "Номер"],
        data.purchases.iter().map(|one| {
            [
                moment(one.occurred_at),
                text(one.business.as_deref()),
                text(one.category.as_deref()),
                one.amount.to_string(),
                number(one.transaction_id),
            ]
        }),
    );
    section(html, "Движение бонусов");
    table(
        html,
        ["Когда", "Вид", "Что", "Бонусы", "Всего после"],
        data.history.iter().map(|one| {
            [
                moment(one.occurred_at),
                one.kind.clone(),
                one.description.clone(),
                one.amount.to_string(),
                one.balance_after.to_string(),
            ]
        }),
    );
    section(html, "Резервы бонусов");
    let holds = data.holds.iter();
    table(
        html,
        ["До", "Бонусы", "Номер"],
        holds.map(|one| [moment(one.expires_at), one.amount.to_string(), number(one.redemption_id)]),
    );
    section(html, "Документы, ожидающие решения");
    table(
        html,
        ["Когда", "Партнёр", "Сумма", "Почему"],
        data.waiting.iter().map(|one| {
            let business = text(one.business.as_deref());
            [moment(one.occurred_at), business, one.amount.to_string(), one.reason.clone()]
        }),
    );
    requests(html, data);
}

fn requests(html: &mut String, data: &ReportedData) {
    section(html, "Обращения о данных");
    table(
        html,
        ["Получено", "О чём", "Ответить до", "Состояние"],
        data.requests
            .iter()
            .map(|one| [moment(one.received_at), one.kind.clone(), moment(one.due_at), one.state.clone()]),
    );
}

fn rest(html: &mut String, report: &SubjectReport) {
    section(html, "Источники данных");
    list(html, &report.sources);
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
        report.accesses.iter().map(|one| {
            [
                moment(one.at),
                one.by.clone(),
                text(one.business.as_deref()),
                one.action.clone(),
                one.fields.join(", "),
                one.purpose.clone(),
                one.result.clone(),
            ]
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody would have run in whoever opens the page.
    const HOSTILE: &str = "<script>alert(\"1\")</script>&amp;";

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
}
