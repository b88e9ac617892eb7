//! The papers as a person prints and signs them.

use std::fmt::Write;

use ledger_core::time::Timestamp;

use super::papers::{Act, Extract, Organisation};

/// Text as HTML shows it.
pub(crate) fn shown(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(title: &str, rows: &[(&str, String)], end: &str) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"ru\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>\
         body{{font:14px/1.5 serif;max-width:46em;margin:2em auto}}table{{border-collapse:collapse;width:100%}}\
         td{{border:1px solid #000;padding:.3em .6em;vertical-align:top}}td:first-child{{width:38%}}\
         </style>\n</head>\n<body>\n<h1>{title}</h1>\n<table>\n"
    );
    for (name, value) in rows {
        // Writing to a text never fails.
        let _written = writeln!(html, "<tr><td>{name}</td><td>{value}</td></tr>");
    }
    let _written = writeln!(html, "</table>\n{end}\n</body>\n</html>");
    html
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>", shown(item))).collect();
    format!("<ul>{}</ul>", items.concat())
}

fn organisation(of: &Organisation) -> String {
    format!("{}, {}", shown(&of.name), shown(&of.address))
}

/// A moment with its Moscow day.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{} ({at})", at.moscow_day())
}

/// The act.
pub(crate) fn act_page(act: &Act) -> String {
    let accounts: Vec<String> = act.accounts.iter().map(ToString::to_string).collect();
    let rows = [
        ("Номер акта", act.act_id.to_string()),
        ("1. Оператор", organisation(&act.operator)),
        (
            "2. Лицо, обрабатывающее данные по поручению оператора",
            act.processor.as_ref().map_or_else(|| "нет".to_owned(), organisation),
        ),
        ("3. Информация, относящаяся к субъекту (идентификатор)", act.person.to_string()),
        ("Объединённые учётные записи", if accounts.is_empty() { "нет".to_owned() } else { list(&accounts) }),
        ("4. Уничтожил", format!("{}, {}", shown(&act.destroyed_by.name), shown(&act.destroyed_by.position))),
        ("5. Перечень категорий уничтоженных данных", list(&act.categories)),
        (
            "6. Материальные носители, количество листов",
            act.paper_media.as_deref().map_or_else(
                || "не применимо: обработка с использованием средств автоматизации".to_owned(),
                shown,
            ),
        ),
        ("7. Информационная система персональных данных", shown(&act.information_system)),
        ("8. Способ уничтожения", shown(&act.method)),
        ("9. Причина уничтожения", shown(&act.reason)),
        ("Требование", shown(&act.demanded_by)),
        ("10. Дата уничтожения", moment(act.destroyed_at)),
        ("SHA-256 выгрузки из журнала", act.extract_sha256.clone()),
    ];
    page(
        "Акт об уничтожении персональных данных",
        &rows,
        "<p>Подпись лица, уничтожившего персональные данные: ______________________</p>",
    )
}

/// The extract.
pub(crate) fn extract_page(extract: &Extract) -> String {
    let accounts: Vec<String> = extract.accounts.iter().map(ToString::to_string).collect();
    let rows = [
        ("Субъект (идентификатор)", extract.person.to_string()),
        ("Объединённые учётные записи", if accounts.is_empty() { "нет".to_owned() } else { list(&accounts) }),
        ("Перечень категорий уничтоженных данных", list(&extract.categories)),
        ("Информационная система персональных данных", shown(&extract.information_system)),
        ("Причина уничтожения", shown(&extract.reason)),
        ("Дата уничтожения", moment(extract.destroyed_at)),
        ("Позиция в журнале", extract.log_position.to_string()),
        ("Записано в журнал", moment(extract.log_recorded_at)),
        ("Хеш записи журнала", extract.log_leaf_hash.clone()),
    ];
    page("Выгрузка из журнала регистрации событий", &rows, "")
}
