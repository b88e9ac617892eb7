//! Charts of text: bars with eighths, and a line over time in rows.

use crate::terminal::say;

const BAR_CELLS: i64 = 40;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const ROWS: i64 = 8;

/// One bar per name, the longest filling the width; a value above zero is seen.
pub(crate) fn bars(values: &[(String, i64, String)]) {
    let most = values.iter().map(|(_, value, _)| *value).max().unwrap_or(0).max(1);
    let width = values.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    for (name, value, label) in values {
        say(&format!("  {name:<width$}  {} {label}", bar(*value, most)));
    }
}

fn bar(value: i64, most: i64) -> String {
    let eighths = (value.max(0) * BAR_CELLS * 8 / most).max(i64::from(value > 0));
    let whole = usize::try_from(eighths / 8).unwrap_or(0);
    let part = usize::try_from(eighths % 8).unwrap_or(0);
    format!("{}{}", "█".repeat(whole), EIGHTHS.get(part).copied().unwrap_or_default())
}

/// A line over time: three cells per value, the first and last times below.
pub(crate) fn line(values: &[(String, i64)]) {
    let most = values.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1);
    for text in line_rows(values, most) {
        say(&text);
    }
    if let (Some((first, _)), Some((last, _))) = (values.first(), values.last()) {
        let width = (values.len() * 3).saturating_sub(first.len());
        say(&format!("{:>10} {first}{last:>width$}", ""));
    }
}

fn line_rows(values: &[(String, i64)], most: i64) -> Vec<String> {
    let level = |value: i64| (value.max(0) * (ROWS - 1) + most / 2) / most;
    let cell = |index: usize, row: i64| {
        let here = level(values[index].1);
        let next = values.get(index + 1).map_or(here, |(_, value)| level(*value));
        let (low, high) = (here.min(next), here.max(next));
        let joint = match row {
            _ if here == next && row == here => "──",
            _ if here == next => "  ",
            row if row == next => {
                if next > here {
                    "╭─"
                } else {
                    "╰─"
                }
            }
            row if row == here => {
                if next > here {
                    "╯ "
                } else {
                    "╮ "
                }
            }
            row if low < row && row < high => "│ ",
            _ => "  ",
        };
        format!("{}{joint}", if row == here { "•" } else { " " })
    };
    (0..ROWS)
        .rev()
        .map(|row| {
            let label = if row == ROWS - 1 {
                most.to_string()
            } else if row == 0 {
                "0".to_owned()
            } else {
                String::new()
            };
            let cells: String = (0..values.len()).map(|index| cell(index, row)).collect();
            format!("{label:>10} {cells}").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_the_smallest_is_seen() {
        assert_eq!(bar(100, 100).chars().count(), 40);
        assert_eq!(bar(50, 100), "█".repeat(20));
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(0, 100), "");
    }

    #[test]
    fn a_line_goes_through_every_value() {
        let values: Vec<(String, i64)> = [0, 7, 7, 3].iter().map(|v| (String::new(), *v)).collect();
        let rows = line_rows(&values, 7);
        assert_eq!(rows.len(), 8);
        assert_eq!(rows[0], "         7  ╭─•──•╮");
        assert_eq!(rows[4], "            │     ╰─•──");
        assert_eq!(rows[7], "         0 •╯");
        assert_eq!(rows.concat().matches('•').count(), 4);
    }
}
