//! What an analyst sees in ClickHouse.

use local_stack::Installation;

use super::chart::{bars, line};
use super::partners::name_of;
use super::service::agent;
use crate::failure::Failure;
use crate::terminal::heading;

/// Exact without FINAL: `business_days` collapses what may have been sent twice.
const PER_PARTNER: &str = "SELECT business, toString(sum(revenue)), toInt64(sum(revenue)), toString(sum(purchases)) \
                           FROM business_days GROUP BY business ORDER BY sum(revenue) DESC FORMAT TSV";
const PER_WEEK: &str = "SELECT toString(toMonday(day)), toInt64(sum(revenue)) FROM business_days \
                        GROUP BY toMonday(day) AS week ORDER BY week FORMAT TSV";

/// Prints revenue per partner and per week.
pub(crate) fn show(installation: &Installation) -> Result<(), Failure> {
    heading("Revenue per partner, from ClickHouse (₽)");
    let rows = query(installation, PER_PARTNER)?;
    let partners: Vec<(String, i64, String)> = rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [slug, exact, whole, purchases] => Some((
                name_of(slug).to_owned(),
                whole.parse().ok()?,
                format!("{exact}  {purchases} purchases"),
            )),
            _ => None,
        })
        .collect();
    bars(&partners);
    heading("Revenue per week, all partners (thousand ₽)");
    let weeks: Vec<(String, i64)> = query(installation, PER_WEEK)?
        .iter()
        .filter_map(|row| match row.as_slice() {
            [week, whole] => Some((week.clone(), whole.parse::<i64>().ok()? / 1000)),
            _ => None,
        })
        .collect();
    line(&weeks);
    Ok(())
}

fn query(installation: &Installation, sql: &str) -> Result<Vec<Vec<String>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("asking ClickHouse: {error}"));
    let setting = |name: &str| {
        let value = installation.settings().get(&format!("OWN_CIRCLE__CLICKHOUSE__{name}"));
        value.cloned().ok_or_else(|| Failure::new("the installation has no ClickHouse"))
    };
    let request = agent().post(setting("URL")?).query("database", setting("DATABASE")?);
    let mut response = request.send(sql).map_err(|error| failed(&error))?;
    let text = response.body_mut().read_to_string().map_err(|error| failed(&error))?;
    if !response.status().is_success() {
        return Err(failed(&text));
    }
    Ok(text.lines().map(|row| row.split('\t').map(str::to_owned).collect()).collect())
}
