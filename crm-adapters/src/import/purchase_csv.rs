//! The purchase CSV: `occurred_at,receipt,category,household,store,amount_rub`, in any order of columns.

use chrono::NaiveDateTime;
use ledger_core::category::Category;
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;

const NAMES: [&str; 6] = ["occurred_at", "receipt", "category", "household", "store", "amount_rub"];
const TEXT_CHARACTERS_MAX: usize = 64;

/// Where the columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns([usize; 6]);

/// One purchase of the CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// When it happened.
    pub(crate) occurred_at: Timestamp,
    /// The number of the receipt.
    pub(crate) receipt: String,
    /// What kind of shop.
    pub(crate) category: Category,
    /// Who bought.
    pub(crate) household: String,
    /// How much.
    pub(crate) amount: Roubles,
}

/// What is wrong with a row; never repeats what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowProblem {
    #[error("has {found} fields where the header has {wanted}")]
    FieldCount { found: usize, wanted: usize },
    #[error("a quote is not closed, or stands in the middle of a field")]
    Quotes,
    #[error("occurred_at: must be a time such as 2017-01-01T11:53:26")]
    Time,
    #[error("receipt: must be 1 to 64 characters")]
    Receipt,
    #[error("household: must be 1 to 64 characters")]
    Household,
    #[error("category: not one of the nine categories")]
    Category,
    #[error("amount_rub: {0}")]
    Amount(ledger_core::money::AmountError),
    #[error("amount_rub: must be above zero")]
    NotPositive,
}

impl Columns {
    /// Reads the header; `None` if this is not the header of a purchase CSV.
    pub(crate) fn of_header(line: &str) -> Option<Self> {
        let fields = split(line).ok()?;
        if fields.len() != NAMES.len() {
            return None;
        }
        let mut places = [0; 6];
        for (place, name) in places.iter_mut().zip(NAMES) {
            *place = fields.iter().position(|field| field.trim() == name)?;
        }
        Some(Self(places))
    }

    /// Reads a row.
    pub(crate) fn read(&self, line: &str) -> Result<Row, RowProblem> {
        let fields = split(line)?;
        if fields.len() != NAMES.len() {
            return Err(RowProblem::FieldCount { found: fields.len(), wanted: NAMES.len() });
        }
        let [at, receipt, category, household, _store, amount] =
            self.0.map(|place| fields.get(place).map_or("", |field| field.trim()));
        let category = Category::ALL.into_iter().find(|known| known.as_str() == category);
        let amount: Roubles = amount.parse().map_err(RowProblem::Amount)?;
        if !amount.is_positive() {
            return Err(RowProblem::NotPositive);
        }
        Ok(Row {
            occurred_at: moment(at).ok_or(RowProblem::Time)?,
            receipt: short(receipt).ok_or(RowProblem::Receipt)?,
            category: category.ok_or(RowProblem::Category)?,
            household: short(household).ok_or(RowProblem::Household)?,
            amount,
        })
    }
}

fn short(text: &str) -> Option<String> {
    let fits = (1..=TEXT_CHARACTERS_MAX).contains(&text.chars().count());
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A time with a zone, or without one: then it is Moscow's (Rule T6).
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(zoned) = text.parse() {
        return Some(zoned);
    }
    let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Timestamp::from_moscow_local(local)
}

/// Splits a line at its commas; a field may stand in quotes, doubled inside. A row is one line.
fn split(line: &str) -> Result<Vec<String>, RowProblem> {
    if !line.contains('"') {
        return Ok(line.split(',').map(str::to_owned).collect());
    }
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at(end);
                if field.contains('"') {
                    return Err(RowProblem::Quotes);
                }
                (field.to_owned(), after)
            }
        };
        fields.push(field);
        if after.is_empty() {
            return Ok(fields);
        }
        rest = after.strip_prefix(',').ok_or(RowProblem::Quotes)?;
    }
}

/// A field after its opening quote, and what follows its closing one.
fn quoted_field(text: &str) -> Result<(String, &str), RowProblem> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').ok_or(RowProblem::Quotes)?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        Columns::of_header("occurred_at,receipt,category,household,store,amount_rub").unwrap()
    }

    #[test]
    fn a_zoneless_time_is_a_moscow_time_rule_t6() {
        let row = columns().read("2017-01-01T11:53:26,311,gastronomy,900,330,50.00").unwrap();
        assert_eq!(row.occurred_at.to_string(), "2017-01-01T08:53:26.000000Z");
        let zoned = columns().read("2017-01-01T11:53:26+05:00,311,gastronomy,900,330,50.00").unwrap();
        assert_eq!(zoned.occurred_at.to_string(), "2017-01-01T06:53:26.000000Z");
        assert_eq!((row.receipt.as_str(), row.household.as_str()), ("311", "900"));
        assert_eq!((row.category, row.amount.kopecks()), (Category::Gastronomy, 5_000));
    }

    #[test]
    fn columns_are_found_by_name() {
        let columns = Columns::of_header("amount_rub,store,household,category,receipt,occurred_at").unwrap();
        let row = columns.read("7.5,1,\"a \"\"b\"\", c\",legal,r,2017-01-01 00:00:00").unwrap();
        assert_eq!((row.household.as_str(), row.amount.kopecks()), ("a \"b\", c", 750));
        assert_eq!(Columns::of_header("occurred_at,receipt,category,household,amount_rub"), None);
        assert_eq!(Columns::of_header("{\"external_id\": \"r\"}"), None);
    }

    #[test]
    fn a_damaged_row_says_which_field() {
        let problem = |line: &str| columns().read(line).unwrap_err();
        let good = "2017-01-01T11:53:26,311,gastronomy,900,330,50.00";
        assert_eq!(problem("a,b"), RowProblem::FieldCount { found: 2, wanted: 6 });
        assert_eq!(problem(&format!("{good},1")), RowProblem::FieldCount { found: 7, wanted: 6 });
        assert_eq!(problem(&good.replace("311", "\"311")), RowProblem::Quotes);
        assert_eq!(problem(&good.replace("311", "3\"1")), RowProblem::Quotes);
        assert_eq!(problem(&good.replace("311", "\"3\"1")), RowProblem::Quotes);
        assert_eq!(problem(&good.replace("2017-01-01", "2017-02-30")), RowProblem::Time);
        assert_eq!(problem(&good.replace("2017", "9999")), RowProblem::Time);
        assert_eq!(problem(&good.replace("2017", "-262143")), RowProblem::Time);
        assert_eq!(problem(&good.replace("311", " ")), RowProblem::Receipt);
        assert_eq!(problem(&good.replace("900", &"9".repeat(65))), RowProblem::Household);
        assert_eq!(problem(&good.replace("gastronomy", "toys")), RowProblem::Category);
        assert_eq!(problem(&good.replace("50.00", "0.00")), RowProblem::NotPositive);
        assert_eq!(problem(&good.replace("50.00", "-1")), RowProblem::NotPositive);
        for amount in ["1e400", "NaN", "１０", "50.001", "", "99999999999999999999"] {
            assert!(matches!(problem(&good.replace("50.00", amount)), RowProblem::Amount(_)), "{amount}");
        }
    }
}
