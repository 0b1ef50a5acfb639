//! One case as a text table.

use crate::{Line, Measurement, Spread};
use std::fmt::Write;

/// The figures of one case, aligned in columns, with its notes below.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Line, Measurement, Spread, Unit, table};
///
/// let samples = vec![1.0, 2.0, 3.0];
/// let spread = Spread::of(&samples).expect("three samples");
/// let line = Line {
///     peer: "floor", variant: "Cell", note: None, ops: 1_000, samples, spread, times_ours: None,
/// };
/// let measurement = Measurement {
///     group: "update",
///     case: "inc",
///     figure: None,
///     about: "adds one",
///     unit: Unit::Nanoseconds,
///     threads: 1,
///     processes: false,
///     lines: vec![line],
/// };
/// assert_eq!(
///     table(&measurement),
///     "update/inc, 1 thread: adds one, in ns\n\
///      subject                                             median      min   quartiles          max  × pytheus\n\
///      floor                Cell                             2.00     1.00     1.50 …     2.50     3.00          -\n",
/// );
/// ```
pub fn table(measurement: &Measurement) -> String {
    let Measurement { group, case, figure, about, unit, threads, processes, lines } = measurement;
    let figure = figure.map(|figure| format!(" {figure}")).unwrap_or_default();
    let who = match (*processes, *threads) {
        (false, 1) => "thread",
        (false, _) => "threads",
        (true, 1) => "process",
        (true, _) => "processes",
    };
    let mut out = format!("{group}/{case}{figure}, {threads} {who}: {about}, in {unit}\n");
    out.push_str(HEADER);
    let mut notes: Vec<&str> = Vec::new();
    for line in lines {
        let mark = line.note.map(|note| mark(&mut notes, note));
        row(&mut out, line, mark);
    }
    for (index, note) in notes.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(out, "  [{}] {note}", index + 1);
    }
    out
}

const HEADER: &str = "subject                                             median      min   \
                      quartiles          max  × pytheus\n";

/// The number of a note; the same note has the same number.
fn mark<'a>(notes: &mut Vec<&'a str>, note: &'a str) -> usize {
    if let Some(index) = notes.iter().position(|known| *known == note) {
        return index + 1;
    }
    notes.push(note);
    notes.len()
}

fn row(out: &mut String, line: &Line, mark: Option<usize>) {
    let mark = mark.map(|mark| format!(" [{mark}]")).unwrap_or_default();
    let variant = format!("{}{mark}", line.variant);
    let ratio = line.times_ours.map_or_else(|| "-".to_owned(), number);
    let Spread { min, lower_quartile, median, upper_quartile, max } = line.spread;
    let [median, min, lower, upper, max] =
        [median, min, lower_quartile, upper_quartile, max].map(number);
    let _ = writeln!(
        out,
        "{:<20} {variant:<28} {median:>8} {min:>8} {lower:>8} … {upper:>8} {max:>8} {ratio:>10}",
        line.peer,
    );
}

/// Large numbers do without decimals, which would not fit the column and say nothing.
const LARGE: f64 = 1e4;

fn number(value: f64) -> String {
    let decimals = if value.abs() < LARGE { 2 } else { 0 };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unit;

    #[test]
    fn processes_are_called_so() {
        let mut measurement = Measurement {
            group: "shm-update",
            case: "inc",
            figure: None,
            about: "adds one",
            unit: Unit::Nanoseconds,
            threads: 2,
            processes: true,
            lines: Vec::new(),
        };
        assert!(table(&measurement).starts_with("shm-update/inc, 2 processes: adds one, in ns\n"));
        measurement.threads = 1;
        assert!(table(&measurement).starts_with("shm-update/inc, 1 process: adds one, in ns\n"));
    }
}
